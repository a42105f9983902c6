//! Services by their type: registered once at start-up, and available everywhere.

use std::any::{Any, TypeId, type_name};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::place::Place;
use crate::sync::RwLock;

/// A registry of services by their type, so that they need not be passed through the program.
///
/// Any type may be registered, once. A program has one [global registry](Self::global); a test can
/// make its own.
///
/// # Examples
///
/// ```
/// use cache_runtime::{Bus, InvalidationEvent, Services, cache_invalidation};
///
/// #[derive(InvalidationEvent)]
/// enum UserEvent {
///     User { user_id: String },
///     All,
/// }
///
/// #[cache_invalidation(channel = "cache:services-example", event = UserEvent)]
/// struct UserInvalidation;
///
/// /// A command, far from `main`.
/// async fn rename(user_id: &str) -> Result<(), Box<dyn std::error::Error>> {
///     // The database is changed, and then:
///     let users = Services::global().get::<UserInvalidation>()?;
///     users.invalidate_user(user_id).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let error = rename("7").await.unwrap_err();
/// assert!(error.to_string().contains("UserInvalidation` is not registered"));
///
/// let bus = Bus::in_process();
/// Services::global().register(UserInvalidation::new(&bus))?;
/// rename("7").await?;
/// # Ok(())
/// # }
/// ```
pub struct Services {
    services: RwLock<BTreeMap<TypeId, Registered>>,
}

/// A service, and where it was registered.
struct Registered {
    service: Arc<dyn Any + Send + Sync>,
    name: &'static str,
    place: Place,
}

static GLOBAL: Services = Services::new();

impl Services {
    /// A registry without services.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            services: RwLock::new(BTreeMap::new()),
        }
    }

    /// The registry of the whole program.
    #[must_use]
    pub fn global() -> &'static Self {
        &GLOBAL
    }

    /// Registers a service under its type.
    ///
    /// # Errors
    ///
    /// When a service of the same type is registered. That service stays registered. The error
    /// names the type and both places.
    #[track_caller]
    pub fn register<T: Send + Sync + 'static>(&self, service: T) -> Result<(), AlreadyRegistered> {
        let place = Place::from(Location::caller());
        // Declared before the lock guard, so that after an error `service` is dropped without the
        // lock.
        let service = Arc::new(service);
        let mut services = self.services.write();
        match services.entry(TypeId::of::<T>()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Registered {
                    service,
                    name: type_name::<T>(),
                    place,
                });
                Ok(())
            }
            Entry::Occupied(occupied) => Err(AlreadyRegistered {
                name: type_name::<T>(),
                first: occupied.get().place,
                second: place,
            }),
        }
    }

    /// The service of this type.
    ///
    /// # Errors
    ///
    /// When none is registered. The error names the type, says how to register it, and lists the
    /// registered types.
    #[track_caller]
    pub fn get<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, MissingService> {
        let place = Place::from(Location::caller());
        let services = self.services.read();
        let found = services.get(&TypeId::of::<T>());
        let found = found.and_then(|found| Arc::clone(&found.service).downcast().ok());
        found.ok_or_else(|| MissingService {
            name: type_name::<T>(),
            place,
            global: std::ptr::eq(self, &raw const GLOBAL),
            registered: listing(services.values()),
        })
    }
}

fn listing<'a>(services: impl Iterator<Item = &'a Registered>) -> Vec<Listed> {
    let mut listing: Vec<_> = services
        .map(|registered| (registered.name, registered.place))
        .collect();
    listing.sort_unstable_by_key(|(name, place)| (*name, place.file, place.line));
    listing
}

/// A type, and where a service of it was registered.
type Listed = (&'static str, Place);

impl Default for Services {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows the names of the registered types.
impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services = self.services.read();
        let names = listing(services.values()).into_iter().map(|(name, _)| name);
        f.debug_set().entries(names).finish()
    }
}

/// A service of this type was registered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlreadyRegistered {
    name: &'static str,
    first: Place,
    second: Place,
}

impl AlreadyRegistered {
    /// The type of the service, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for AlreadyRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            first,
            second,
        } = self;
        write!(
            f,
            "service `{name}` is registered already: at {first}, and now again at {second}; a type \
             is registered once, so wrap one of the two in a type of its own if both are needed"
        )
    }
}

impl std::error::Error for AlreadyRegistered {}

/// No service of this type is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingService {
    name: &'static str,
    place: Place,
    global: bool,
    registered: Vec<Listed>,
}

impl MissingService {
    /// The type of the service, with its path.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for MissingService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, place, .. } = self;
        let services = if self.global {
            "Services::global()"
        } else {
            "services"
        };
        let service = constructor(name);
        write!(
            f,
            "service `{name}` is not registered: call `{services}.register({service})` at \
             start-up, before {place} asks for it; "
        )?;
        if self.registered.is_empty() {
            return f.write_str("nothing is registered yet");
        }
        f.write_str("registered are: ")?;
        for (i, (name, place)) in self.registered.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}` ({place})")?;
        }
        Ok(())
    }
}

impl std::error::Error for MissingService {}

/// The call that makes a service of this type, such as `Users::new(&bus)`.
fn constructor(name: &str) -> String {
    let path = name.split(['<', ' ']).next().unwrap_or_default();
    let own = path.rsplit("::").next().unwrap_or_default();
    if own.is_empty() || path == "dyn" || own.contains(|c: char| !c.is_alphanumeric() && c != '_') {
        return "..".to_owned();
    }
    format!("{own}::new(&bus)")
}
