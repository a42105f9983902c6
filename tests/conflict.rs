//! Two services of one program that use a channel for different events.

use cache_runtime::bus::{Cause, Health};
use cache_runtime::{Bus, InvalidationEvent, cache_invalidation};

#[derive(InvalidationEvent)]
enum UserEvent {
    User { user_id: String },
    All,
}

#[derive(InvalidationEvent)]
enum PersonaEvent {
    Persona { persona_id: String },
    All,
}

#[cache_invalidation(channel = "cache:users", event = UserEvent)]
struct Users;

#[cache_invalidation(channel = "cache:users", event = PersonaEvent)]
struct Personas;

#[track_caller]
fn assert_names_both(message: &str) {
    for part in [
        "`cache:users`",
        "Users (UserEvent)",
        "Personas (PersonaEvent)",
    ] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    assert_eq!(
        message.matches("tests/conflict.rs:").count(),
        2,
        "{message}"
    );
}

#[tokio::test]
async fn connecting_fails_and_names_both_places() {
    let error = Bus::redis("redis://127.0.0.1:1")
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(error.cause(), Cause::Conflict(_)), "{error:?}");
    assert_names_both(&format!("{error:#}"));
    let error = Bus::local().connect_lazy().unwrap_err();
    assert_names_both(&format!("{error:#}"));
}

#[tokio::test]
async fn a_bus_that_cannot_refuse_to_be_made_carries_nothing() {
    let bus = Bus::in_process();
    let (users, personas) = (Users::new(&bus), Personas::new(&bus));
    let _subscription = users.subscribe_inline(|_event| {});
    assert_names_both(&format!("{:#}", bus.ready().await.unwrap_err()));
    assert!(matches!(bus.health(), Health::Down(Cause::Conflict(_))));
    assert!(matches!(users.health(), Health::Down(Cause::Conflict(_))));
    assert_names_both(&format!(
        "{:#}",
        users.invalidate_user("1").await.unwrap_err()
    ));
    assert_names_both(&format!(
        "{:#}",
        personas.invalidate_persona("1").await.unwrap_err()
    ));
    assert_names_both(&format!("{:#}", users.ready().await.unwrap_err()));
}

#[test]
fn both_are_listed() {
    let services: Vec<_> = cache_runtime::service::channels()
        .iter()
        .map(|registration| {
            registration
                .service()
                .rsplit("::")
                .next()
                .unwrap_or_default()
        })
        .collect();
    assert_eq!(services, ["Users", "Personas"]);
}
