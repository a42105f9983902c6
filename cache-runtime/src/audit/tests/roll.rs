//! The list of what lives.

use std::sync::Arc;

use super::super::Roll;

#[test]
fn the_dead_are_not_on_it() {
    let roll = Roll::new();
    let (a, b) = (Arc::new(1), Arc::new(2));
    roll.add(Arc::downgrade(&a));
    roll.add(Arc::downgrade(&b));
    assert_eq!(roll.living(), [Arc::clone(&a), b]);
    drop(a);
    assert!(roll.living().is_empty());
}

#[test]
fn the_dead_are_struck_off() {
    let roll = Roll::new();
    let living: Vec<_> = (0..100).map(Arc::new).collect();
    for one in &living {
        roll.add(Arc::downgrade(one));
    }
    for i in 0..10_000 {
        roll.add(Arc::downgrade(&Arc::new(i)));
    }
    assert_eq!(roll.living(), living);
    assert!(roll.len() <= 2 * living.len() + 32, "{}", roll.len());
}
