//! Which keys in Redis the caches of this process use, so that no two use one key for different
//! things.

use std::any::{TypeId, type_name};
use std::panic::Location;
use std::sync::Arc;

use super::error::BuildError;
use crate::place::Place;
use crate::weak_list::WeakList;

/// The keys of every cache in Redis that lives.
static CLAIMS: WeakList<Claim> = WeakList::new();

/// The keys of a cache, and what is stored under them.
#[derive(Debug)]
pub(super) struct Claim {
    cache: Arc<str>,
    place: &'static Location<'static>,
    /// Where the keys are.
    store: String,
    /// What every key begins with.
    prefix: String,
    /// The types of the values and of the codec, and how a message names them.
    types: [(TypeId, &'static str); 2],
}

impl Claim {
    pub(super) fn new<V: 'static, C: 'static>(
        cache: &Arc<str>,
        place: &'static Location<'static>,
        store: String,
        prefix: &str,
    ) -> Self {
        Self {
            cache: Arc::clone(cache),
            place,
            store,
            prefix: prefix.to_owned(),
            types: [
                (TypeId::of::<V>(), type_name::<V>()),
                (TypeId::of::<C>(), type_name::<C>()),
            ],
        }
    }

    /// Takes the keys for as long as the claim lives.
    pub(super) fn take(self) -> Result<Arc<Self>, BuildError> {
        let claim = Arc::new(self);
        CLAIMS.add_if(&claim, |other| claim.fits(other))?;
        Ok(claim)
    }

    fn fits(&self, other: &Self) -> Result<(), BuildError> {
        let nested = |a: &Self, b: &Self| b.prefix.starts_with(&a.prefix);
        if self.store != other.store || !nested(self, other) && !nested(other, self) {
            return Ok(());
        }
        let (here, there) = (Place::from(self.place), Place::from(other.place));
        if self.prefix != other.prefix {
            let what = format!(
                "keys that begin with `{}`, as built at {here}, may be those of cache `{}`, built \
                 at {there}, which begin with `{}`. Take another name or namespace for one of them",
                self.prefix, other.cache, other.prefix
            );
            return Err(BuildError::new(&self.cache, what));
        }
        let differs = self.types.iter().zip(&other.types).find(|(a, b)| a != b);
        let Some(((_, mine), (_, theirs))) = differs else {
            return Ok(());
        };
        let what = format!(
            "it stores `{mine}`, as built at {here}, under the keys under which cache `{}`, built \
             at {there}, stores `{theirs}`. Take another name for one of them",
            other.cache
        );
        Err(BuildError::new(&self.cache, what))
    }
}
