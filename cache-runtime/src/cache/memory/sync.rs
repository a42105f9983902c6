//! The primitives under the store, which a concurrency checker replaces.

#[cfg(not(shuttle))]
pub(super) use std::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};

#[cfg(shuttle)]
pub(super) use shuttle::thread_local;
#[cfg(not(shuttle))]
pub(super) use std::thread_local;

#[cfg(shuttle)]
pub(super) use shuttle::sync::{
    RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering},
};
