//! Access rules that refuse keys or commands: the error names the rules that allow them.

use cache_runtime::__private::{Filled, Keyspace};
use cache_runtime::bus::Cause;
use support::Server;

use crate::backend::{LONG, bare};
use crate::redis::{all_operations, connect, patient};
use crate::tokens::token;

#[tokio::test]
async fn what_the_message_allows_is_enough() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let url = server.allow_app("+hello").await;
    let bus = connect(&url).await;
    let kv = Keyspace::new(&bus);

    let error = all_operations(&kv).await.unwrap_err();
    assert!(matches!(error, Cause::Refused(_)), "{error:?}");
    let message = format!("{error:#}");
    assert!(message.contains("key \"prod:a:1\""), "{message}");
    assert!(!message.contains("secret"), "{message}");
    let (_, rules) = message
        .split_once("ACL SETUSER app ")
        .expect("what to allow");
    assert!(rules.ends_with(" ~prod:*"), "{rules}");
    let enough = format!("+hello {rules}");
    server.allow_app(&enough).await;
    all_operations(&kv).await.unwrap();

    // Each rule is needed, and without it the message is the same.
    for rule in rules.split(' ') {
        server.allow_app(&enough).await;
        // Otherwise the server knows the scripts, and `EVALSHA` alone would suffice.
        if rule == "+eval" {
            admin.run::<()>(&["SCRIPT", "FLUSH"]).await;
        }
        let forbidden = match rule.strip_prefix('+') {
            Some(command) => format!("-{command}"),
            None => "resetkeys".to_owned(),
        };
        admin
            .run::<()>(&["ACL", "SETUSER", "app", &forbidden])
            .await;
        let error = all_operations(&kv).await.unwrap_err();
        assert!(matches!(error, Cause::Refused(_)), "{rule}: {error:?}");
        assert!(format!("{error:#}").ends_with(rules), "{rule}: {error}");
    }
}

#[tokio::test]
async fn without_namespace_the_cache_is_to_be_allowed() {
    let server = Server::start().await;
    let kv = patient(&server.allow_app("+@all").await).await;
    let keys = "~cache:* ~cache-runtime:*";
    let error = kv.get("cache:a:b").await.unwrap_err();
    assert!(error.to_string().ends_with(keys), "{error}");
    let error = kv.evict(&[bare("a")]).await.unwrap_err();
    assert!(error.to_string().ends_with(keys), "{error}");
    let error = kv.get("cache-runtime:coherent:{cache}:g").await;
    let error = error.unwrap_err();
    assert!(error.to_string().ends_with(" ~cache-runtime:*"), "{error}");
    server.allow_app(&format!("+@all {keys}")).await;
    let held = token(&kv, &bare("a")).await;
    assert_eq!(kv.fill(&held, b"value", LONG).await, Ok(Filled::Stored));
}

/// Such keys come from a function of the program's, and their text may be anything.
#[tokio::test]
async fn keys_that_no_name_begins_need_a_pattern_of_the_programs() {
    let server = Server::start().await;
    let kv = patient(&server.allow_app("+@all").await).await;
    for key in ["abc", "two words:*"] {
        let error = kv.get(key).await.unwrap_err().to_string();
        let advice = " ~PATTERN ~cache-runtime:*, with the pattern of the cache's keys";
        assert!(error.ends_with(advice), "{error}");
    }
}

/// The server reports a refusal within a script with another text than a refused command.
#[tokio::test]
async fn what_a_script_may_not_do_is_told_too() {
    let server = Server::start().await;
    let kv = patient(&server.allow_app("+@all -set ~*").await).await;
    let error = kv
        .set_if_absent("cache:1", b"value", LONG)
        .await
        .unwrap_err();
    assert!(matches!(error, Cause::Refused(_)), "{error:?}");
    assert!(format!("{error:#}").contains("+set "), "{error}");
}
