//! Several processes that receive the same requests.

use std::collections::BTreeMap;
use std::env;
use std::io::BufRead;

use cache_runtime::dedup::Reservation;
use support::{Child, Server};

use crate::{connect, dedup};

const KEYS: u32 = 300;
const PROCESSES: u32 = 4;

/// Tries to reserve every key once it is told to, and prints the owners.
async fn compete(owner: &str) {
    let bus = connect(&env::var("URL").expect("it was given")).await;
    let dedup = dedup(&bus);
    println!("ready");
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .expect("a word");
    for key in 0..KEYS {
        match dedup.reserve(&key.to_string(), owner).await {
            Ok(Reservation::Reserved) => println!("answer {key} {owner} {owner}"),
            Ok(Reservation::Duplicate { owner: other }) => println!("answer {key} {owner} {other}"),
            Err(error) => println!("failed: {error}"),
        }
    }
    println!("done");
}

#[tokio::test]
async fn exactly_one_of_them_handles_each() {
    if let Some(owner) = support::role() {
        return compete(&owner).await;
    }
    let server = Server::start().await;
    let variables = [("URL", &*server.url())];
    let mut processes: Vec<Child> = (0..PROCESSES)
        .map(|number| {
            let test = "processes::exactly_one_of_them_handles_each";
            Child::same_test(test, &format!("process-{number}"), &variables)
        })
        .collect();
    for process in &mut processes {
        process.says("ready").await;
    }
    for process in &mut processes {
        process.tell("go").await;
    }
    // For each key, the answers: which process asked, and which owner it was told.
    let mut told: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for process in &mut processes {
        for _ in 0..KEYS {
            let line = process.says("answer ").await;
            let (_, answer) = line.split_once("answer ").expect("as it says");
            let words: Vec<&str> = answer.split(' ').collect();
            let [key, asker, owner] = words[..] else {
                panic!("{line}");
            };
            let told = told.entry(key.to_owned()).or_default();
            told.push((asker.to_owned(), owner.to_owned()));
        }
    }
    assert_eq!(told.len(), KEYS as usize);
    let mut winners = BTreeMap::new();
    for (key, told) in told {
        let reserved: Vec<_> = told
            .iter()
            .filter(|(asker, owner)| asker == owner)
            .collect();
        assert_eq!(reserved.len(), 1, "key {key}: {told:?}");
        let (winner, _) = reserved[0];
        assert!(
            told.iter().all(|(_, owner)| owner == winner),
            "key {key}: {told:?}"
        );
        *winners.entry(winner.clone()).or_insert(0) += 1;
    }
    println!("reserved by each: {winners:?}");
    for process in processes {
        assert!(process.finish().await.success());
    }
    assert_eq!(
        dedup(&connect(&server.url()).await).size().await,
        Ok(KEYS.into())
    );
}
