//! Another process that publishes at a rate, over one bare connection.

use std::env;
use std::time::{Duration, Instant};

use redis::Client;
use support::Child;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::time::{MissedTickBehavior, interval};

use crate::number::float;
use crate::process::Role;

/// Messages of a tick are sent together.
const TICK: Duration = Duration::from_millis(1);

/// The handle of the process.
pub(crate) struct Publisher(Child);

impl Publisher {
    pub(crate) fn start(url: &str) -> Self {
        Self(Role::Publisher.start(&[("URL", url)]))
    }

    /// Begins to publish so many messages a second; they are numbered if they hold `{}`.
    pub(crate) async fn begin(&mut self, rate: u64, time: Duration, payload: &str) {
        self.0
            .tell(&format!("{rate} {} {payload}", time.as_millis()))
            .await;
    }

    /// Waits until all were published; returns their number, and how many that was in a second.
    pub(crate) async fn end(&mut self) -> (u64, f64) {
        let line = self.0.says("published").await;
        let mut words = line.split(' ').skip(1);
        let mut word = || words.next().expect("two numbers");
        let number: u64 = word().parse().expect("a number");
        let seconds: f64 = word().parse().expect("a number");
        (number, float(number) / seconds)
    }
}

pub(crate) async fn play() {
    let url = env::var("URL").expect("`start` sets it");
    let client = Client::open(url).expect("an address");
    let connecting = client.get_multiplexed_async_connection();
    let mut connection = connecting.await.expect("the server is up");
    let mut commands = BufReader::new(stdin()).lines();
    while let Ok(Some(command)) = commands.next_line().await {
        let mut words = command.splitn(3, ' ');
        let mut word = || words.next().expect("`begin` sends it");
        let rate: u64 = word().parse().expect("a number");
        let time = Duration::from_millis(word().parse().expect("a number"));
        let payload = word();
        let begun = Instant::now();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut published = 0;
        while begun.elapsed() < time {
            ticks.tick().await;
            let due = float(rate) * begun.elapsed().as_secs_f64();
            // A server that cannot keep up gets no more than this at once.
            let number = (0..rate.div_ceil(20)).take_while(|n| float(published + n) < due);
            let number = number.count() as u64;
            let mut batch = redis::pipe();
            for id in published..published + number {
                let payload = payload.replace("{}", &id.to_string());
                batch
                    .cmd("PUBLISH")
                    .arg("cache:users")
                    .arg(payload)
                    .ignore();
            }
            if number > 0 {
                batch
                    .query_async::<()>(&mut connection)
                    .await
                    .expect("the server is up");
            }
            published += number;
        }
        println!("published {published} {}", begun.elapsed().as_secs_f64());
    }
}
