//! The primitives under the store, so that a concurrency checker can take their place.

#[cfg(not(shuttle))]
pub(super) use std::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

#[cfg(shuttle)]
pub(super) use shuttle::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};
