//! A bus as a key-value store: one suite, run in this process and with a real server.

mod access;
mod backend;
mod contention;
mod groups;
mod records;
mod redis;
mod resending;
mod scan;
mod tokens;
mod values;

use backend::Backend;

/// Makes a test of each function for each backend.
macro_rules! both {
    ($($module:ident::$test:ident),* $(,)?) => {
        mod on_the_stand_in {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$module::$test(super::Backend::in_process()).await;
                }
            )*
        }

        mod on_a_server {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$module::$test(super::Backend::redis().await).await;
                }
            )*
        }
    };
}

both![
    values::what_was_set_last_is_there,
    values::any_bytes_and_any_key_will_do,
    values::what_has_expired_is_gone,
    values::a_new_ttl_replaces_the_old_one,
    values::any_ttl_will_do,
    values::what_is_there_is_not_set_again,
    values::what_has_expired_is_absent,
    values::deleting_counts_what_was_there,
    values::any_number_is_deleted,
    values::only_an_equal_value_is_deleted,
    values::only_a_value_that_begins_so_is_deleted,
    values::instances_share_what_they_keep,
    values::a_closed_instance_refuses_and_others_go_on,
    scan::every_key_that_begins_so_is_counted_once,
    scan::patterns_are_no_patterns,
    scan::what_has_expired_is_not_counted,
    tokens::one_holds_the_token_until_it_fills,
    tokens::a_value_that_is_there_needs_no_token,
    tokens::a_refresh_needs_one_all_the_same,
    tokens::an_evicted_entry_bars_its_fill,
    tokens::an_evicted_entry_can_be_loaded_at_once,
    tokens::any_number_of_entries_is_evicted,
    tokens::an_ended_generation_bars_every_fill,
    tokens::an_ended_generation_is_unreachable,
    tokens::a_generation_outlives_what_depends_on_it,
    tokens::a_lost_generation_is_an_ended_one,
    tokens::a_token_ends_with_its_ttl,
    tokens::a_token_can_be_given_up,
    tokens::what_is_put_bars_fills,
    tokens::bare_values_are_as_they_were_given,
    tokens::of_a_value_and_an_absence_one_is_there,
    tokens::a_large_value_is_not_read_whole,
    tokens::caches_do_not_share_generations,
    groups::an_ended_one_bars_the_fills_of_its_entries_only,
    groups::an_ended_one_is_unreachable,
    groups::one_outlives_what_depends_on_it,
    groups::entries_are_in_one_group_only,
    contention::one_of_many_sets_what_was_absent,
    contention::one_of_many_gets_the_token,
    contention::nobody_deletes_the_key_of_another,
    contention::no_fill_is_older_than_the_last_eviction,
];
