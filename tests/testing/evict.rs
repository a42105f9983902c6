//! `evict` functions are tested without a bus.

use cache_runtime::Evict;

use crate::{UserEvent, user};

fn by_id(event: &UserEvent) -> Evict<u64> {
    match event {
        UserEvent::User { user_id } => Evict::key(*user_id),
        UserEvent::All => Evict::All,
    }
}

#[test]
fn it_says_which_keys_it_evicts() {
    for (evict, evicted) in [
        (by_id(&user(7)), [false, true, false]),
        (Evict::keys([6_u64, 8]), [true, false, true]),
        (Evict::matching(|key: &u64| *key > 6), [false, true, true]),
        (by_id(&UserEvent::All), [true; 3]),
        (Evict::Nothing, [false; 3]),
        (Evict::Keys(Vec::new()), [false; 3]),
    ] {
        assert_eq!(
            [6, 7, 8].map(|key| evict.evicts(&key)),
            evicted,
            "{evict:?}"
        );
    }
    let prefix = Evict::<String>::prefix("1:");
    assert!(prefix.evicts(&"1:ada".to_owned()));
    assert!(!prefix.evicts(&"11:ada".to_owned()));
}

fn tags<const N: usize>(tags: [&str; N]) -> Evict<u64> {
    Evict::Tags(tags.map(str::to_owned).into())
}

#[test]
#[should_panic(expected = "depends on more than the key: Tags([\"a\"])")]
fn whether_a_tag_evicts_a_key_cannot_be_told() {
    let _ = tags(["a"]).evicts(&1);
}

#[test]
fn all_and_nothing_are_what_it_says_and_not_what_a_predicate_happens_to_accept() {
    let any = Evict::matching(|_: &u64| true);
    let none = Evict::matching(|_: &u64| false);
    for (evict, is_all, is_nothing) in [
        (Evict::All, true, false),
        (Evict::Nothing, false, true),
        (Evict::Keys(Vec::new()), false, true),
        (Evict::Tags(Vec::new()), false, true),
        (tags(["a"]), false, false),
        (Evict::Key(1), false, false),
        (any, false, false),
        (none, false, false),
    ] {
        assert_eq!(evict.is_all(), is_all, "{evict:?}");
        assert_eq!(evict.is_nothing(), is_nothing, "{evict:?}");
    }
}

#[test]
fn those_are_equal_that_evict_the_same_keys() {
    assert_eq!(by_id(&user(7)), Evict::key(7_u64));
    assert_ne!(by_id(&user(7)), Evict::key(8_u64));
    assert_eq!(Evict::Key(1_u64), Evict::keys([1_u64]));
    assert_eq!(Evict::<u64>::keys([1_u64, 2, 2]), Evict::keys([2_u64, 1]));
    assert_ne!(Evict::<u64>::keys([1_u64, 2]), Evict::keys([1_u64]));
    assert_ne!(Evict::<u64>::keys([1_u64]), Evict::keys([1_u64, 2]));
    assert_eq!(Evict::<u64>::All, Evict::All);
    assert_eq!(Evict::<u64>::Nothing, Evict::Keys(Vec::new()));
    assert_ne!(Evict::<u64>::All, Evict::Nothing);
    assert_ne!(Evict::All, Evict::Key(1));
    assert_eq!(tags(["a", "b"]), tags(["b", "a", "a"]));
    assert_ne!(tags(["a"]), tags(["a", "b"]));
    assert_ne!(tags(["a", "b"]), tags(["a"]));
    assert_ne!(tags(["a"]), Evict::All);
    assert_ne!(tags(["1"]), Evict::Key(1));
    assert_eq!(Evict::Tags(Vec::new()), Evict::<u64>::Nothing);
    let any = Evict::matching(|_: &u64| true);
    assert_ne!(any, Evict::All);
    assert!(any != any, "nobody can tell");
}
