//! The registry of services by type.

use std::sync::Arc;
use std::thread;

use cache_runtime::Services;
use cache_runtime::service::{AlreadyRegistered, MissingService};

#[derive(Debug)]
struct Users(u32);

#[derive(Debug)]
struct Teams<T>(T);

trait Clock: Send + Sync {
    fn now(&self) -> u32;
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> u32 {
        7
    }
}

#[test]
fn they_are_had_by_their_type() {
    let services = Services::new();
    services.register(Users(1)).unwrap();
    services.register(Teams("a".to_owned())).unwrap();
    services.register(Teams(2_u8)).unwrap();
    assert_eq!(services.get::<Users>().unwrap().0, 1);
    assert_eq!(services.get::<Teams<String>>().unwrap().0, "a");
    assert_eq!(services.get::<Teams<u8>>().unwrap().0, 2);
    let (a, b) = (services.get::<Users>(), services.get::<Users>());
    assert!(Arc::ptr_eq(&a.unwrap(), &b.unwrap()));
}

#[test]
fn any_type_will_do() {
    let services = Services::default();
    services
        .register::<Arc<dyn Clock>>(Arc::new(Stopped))
        .unwrap();
    services.register("a string").unwrap();
    assert_eq!(services.get::<Arc<dyn Clock>>().unwrap().now(), 7);
    assert_eq!(*services.get::<&'static str>().unwrap(), "a string");
}

#[test]
fn one_that_is_missing_is_named_and_where_to_register_it() {
    let services = Services::new();
    let asked = line!() + 1;
    let error: MissingService = services.get::<Users>().unwrap_err();
    assert_eq!(error.type_name(), "services::Users");
    assert_eq!(
        error.to_string(),
        format!(
            "service `services::Users` is not registered: call \
             `services.register(Users::new(&bus))` at start-up, before tests/services.rs:{asked} \
             asks for it; nothing is registered yet"
        )
    );

    services.register(Teams(1_u8)).unwrap();
    services.register(Stopped).unwrap();
    let error = services.get::<Teams<Users>>().unwrap_err().to_string();
    let registered = line!() - 3;
    assert!(
        error.starts_with(
            "service `services::Teams<services::Users>` is not registered: call \
             `services.register(Teams::new(&bus))` at start-up, "
        ),
        "{error}"
    );
    assert!(
        error.ends_with(&format!(
            "; registered are: `services::Stopped` (tests/services.rs:{}), \
             `services::Teams<u8>` (tests/services.rs:{registered})",
            registered + 1
        )),
        "{error}"
    );
    // Types without a constructor that takes a bus.
    let error = services.get::<Box<u8>>().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("call `services.register(Box::new(&bus))`")
    );
    let error = services.get::<(u8, u8)>().unwrap_err();
    assert!(
        error.to_string().contains("call `services.register(..)`"),
        "{error}"
    );
    let error = services.get::<&'static str>().unwrap_err();
    assert!(
        error.to_string().contains("call `services.register(..)`"),
        "{error}"
    );
}

#[test]
fn the_second_of_a_type_is_refused_with_both_places() {
    let services = Services::new();
    services.register(Users(1)).unwrap();
    let error: AlreadyRegistered = services.register(Users(2)).unwrap_err();
    let second = line!() - 1;
    assert_eq!(error.type_name(), "services::Users");
    assert_eq!(
        error.to_string(),
        format!(
            "service `services::Users` is registered already: at tests/services.rs:{}, and now \
             again at tests/services.rs:{second}; a type is registered once, so wrap one of the \
             two in a type of its own if both are needed",
            second - 1
        )
    );
    assert_eq!(services.get::<Users>().unwrap().0, 1);
}

/// The only test that uses the global registry, because all tests share it.
#[test]
fn a_program_has_one_for_all() {
    static OWN: Services = Services::new();
    let error = Services::global().get::<Users>().unwrap_err().to_string();
    assert!(
        error.contains("call `Services::global().register(Users::new(&bus))`"),
        "{error}"
    );
    Services::global().register(Users(3)).unwrap();
    let found = thread::spawn(|| Services::global().get::<Users>().unwrap().0);
    assert_eq!(found.join().unwrap(), 3);
    assert!(OWN.get::<Users>().is_err());
    assert_eq!(
        format!("{:?}", Services::global()),
        r#"{"services::Users"}"#
    );
}

#[test]
fn of_registrations_at_the_same_time_one_holds() {
    let services = Services::new();
    let registered = thread::scope(|scope| {
        let services = &services;
        let threads: Vec<_> = (0..8)
            .map(|i| scope.spawn(move || services.register(Users(i)).is_ok()))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.filter(|registered| *registered).count()
    });
    assert_eq!(registered, 1);
}

/// A service whose `drop` uses the registry.
struct Nosy(&'static Services);

impl Drop for Nosy {
    fn drop(&mut self) {
        assert!(self.0.get::<Users>().is_err());
    }
}

#[test]
fn one_that_is_refused_is_dropped_outside() {
    static SERVICES: Services = Services::new();
    SERVICES.register(Nosy(&SERVICES)).unwrap();
    assert!(SERVICES.register(Nosy(&SERVICES)).is_err());
}
