use super::*;

fn at(port: u16, epoch: u64) -> Master {
    Master {
        host: "host".to_owned(),
        port,
        epoch,
    }
}

/// The port of the primary that is elected, if the present one is at port 1 since fail-over 5.
fn port(told: &[Option<Master>]) -> Option<u16> {
    elected(told, Some(&at(1, 5))).map(|master| master.port)
}

#[test]
fn the_first_primary_is_that_of_the_latest_fail_over() {
    let told = [Some(at(1, 4)), Some(at(2, 5)), Some(at(1, 4))];
    assert_eq!(elected(&told, None), Some(at(2, 5)));
    let told = [Some(at(2, 0)), Some(at(1, 0)), Some(at(1, 0))];
    assert_eq!(elected(&told, None), Some(at(1, 0)));
    assert_eq!(elected(&[None, None], None), None);
}

#[test]
fn one_sentinel_suffices_to_tell_of_a_later_fail_over() {
    assert_eq!(port(&[None, Some(at(2, 6)), Some(at(1, 5))]), Some(2));
}

#[test]
fn a_sentinel_that_was_cut_off_does_not_mislead() {
    assert_eq!(
        port(&[Some(at(1, 5)), Some(at(2, 4)), Some(at(2, 4))]),
        None
    );
    assert_eq!(port(&[None, None, Some(at(2, 4))]), None);
    assert_eq!(port(&[None, None, None]), None);
}

#[test]
fn a_majority_that_was_set_up_anew_is_believed() {
    assert_eq!(port(&[None, Some(at(2, 0)), Some(at(2, 0))]), Some(2));
    assert_eq!(port(&[None, Some(at(3, 0)), Some(at(2, 0))]), None);
}

#[test]
fn a_primary_that_another_one_has_replaced_for_a_while_was_replaced() {
    assert_eq!(port(&[Some(at(1, 7)), Some(at(1, 5)), None]), Some(1));
    assert_eq!(port(&[Some(at(1, 5)), Some(at(1, 5)), None]), None);
}
