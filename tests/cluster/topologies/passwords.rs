//! Users and passwords that are replaced while they are in use.

use std::time::Duration;

use support::{Admin, Server, eventually, in_turn, role};

use super::READS;
use crate::place::{Place, log_in};
use crate::reader;
use crate::run::{Run, duration};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The old user is deleted when nobody is logged in as it any more.
    NewUser,
    /// The old user is deleted at once, which ends its connections.
    DeletedEarly,
    NewPassword,
}

/// What a user is called, and its password.
struct Login(usize, usize);

impl Login {
    fn user(&self) -> String {
        format!("user-{}", self.0)
    }

    fn password(&self) -> String {
        format!("secret-{}", self.1)
    }

    async fn allow(&self, admin: &Admin) {
        let (user, password) = (self.user(), format!(">{}", self.password()));
        let reset = [
            "ACL", "SETUSER", &user, "reset", "on", &password, "~*", "&*", "+@all",
        ];
        admin.run::<()>(&reset).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_is_too_old_while_passwords_rotate() {
    if role().is_some() {
        return reader::play().await;
    }
    let mut run = Run::new("topologies::passwords::no_read_is_too_old_while_passwords_rotate");
    let server = Server::start().await;
    let admin = server.admin().await;
    let file = run.folder.path().join("login");
    let mut login = Login(0, 0);
    login.allow(&admin).await;
    log_in(&file, &login.user(), &login.password());
    let place = Place::at(server.url()).with_login(file.clone());
    run.start(&[("reader", &place)], &place, READS).await;
    let faults = [Fault::NewUser, Fault::NewPassword, Fault::DeletedEarly];
    let caused = in_turn(faults, duration(Duration::ZERO), async |fault| {
        run.calm().await;
        run.fault(fault);
        let old = login.user();
        login = match fault {
            Fault::NewPassword => Login(login.0, login.1 + 1),
            Fault::NewUser | Fault::DeletedEarly => Login(login.0 + 1, login.1),
        };
        login.allow(&admin).await;
        log_in(&file, &login.user(), &login.password());
        if fault == Fault::NewUser {
            all_are(&admin, &login.user()).await;
        }
        if fault != Fault::NewPassword {
            admin.run::<()>(&["ACL", "DELUSER", &old]).await;
        }
        all_are(&admin, &login.user()).await;
    })
    .await;
    run.end_of_losses(&caused).await;
}

/// Waits until every connection is logged in as this user: for events, publishing and values, of the
/// reader and of the writer.
async fn all_are(admin: &Admin, user: &str) {
    let users = async || {
        let clients = admin.clients().await.into_iter();
        let ours = clients.filter(|client| client.get("name").contains(':'));
        ours.map(|client| client.get("user").to_owned()).collect()
    };
    let same = |users: &Vec<String>| users.len() >= 5 && users.iter().all(|known| known == user);
    eventually("all to be logged in", users, same).await;
}
