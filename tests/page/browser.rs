//! What a browser shows.

use std::sync::atomic::{AtomicU32, Ordering};

use cache_runtime::{
    Bus, CoherentCache, Evict, InvalidationEvent, Snapshot, TtlCache, cache_invalidation,
};
use serde_json::{Value, json};
use support::{Browser, Server, eventually};

use crate::site::{Answer, Site};

#[derive(Debug, Clone, InvalidationEvent)]
enum OrderEvent {
    Order { order_id: String },
    All,
}

#[cache_invalidation(channel = "page:orders", event = OrderEvent)]
struct Orders;

#[cache_invalidation(channel = "page:prices", event = OrderEvent)]
struct Prices;

/// Without subscribers. Tests that run at the same time share the process, and so the page.
#[cache_invalidation(channel = "page:quiet", event = OrderEvent)]
struct Quiet;

const LONG: std::time::Duration = std::time::Duration::from_secs(3600);

/// Would run, and add elements, if it became markup.
const HOSTILE: &str =
    "</td></title></script><script>window.owned=1</script><img src=x onerror=\"window.owned=1\">'";

fn orders(bus: &Bus, name: &str) -> (Orders, CoherentCache<String, u32>) {
    let events = Orders::new(bus);
    let cache = CoherentCache::builder(name, LONG)
        .evict_on(&events, |event| match event {
            OrderEvent::Order { order_id } => Evict::key(order_id),
            OrderEvent::All => Evict::All,
        })
        .build()
        .unwrap();
    (events, cache)
}

/// The row of this name.
fn element(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('tbody')].find((row) => \
         row.querySelector('th').firstChild.data === {})",
        json!(name)
    )
}

/// The text of the row of this name; false if there is none.
fn row(name: &str) -> String {
    format!("{}?.innerText", element(name))
}

#[tokio::test]
async fn refreshes_itself_and_keeps_the_readers_place() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let bus = Bus::in_process();
    let (events, cache) = orders(&bus, "page-orders");
    let others: Vec<_> = (0..100)
        .map(|i| TtlCache::<u32, u32>::builder(&format!("page-ttl-{i:03}"), LONG))
        .map(|cache| cache.build().unwrap())
        .collect();
    bus.ready().await.unwrap();
    let site = Site::start(&bus).await;

    // A narrow screen, at night.
    let phone = json!({ "width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": true });
    let metrics = "Emulation.setDeviceMetricsOverride";
    browser.call(metrics, phone).await;
    browser.open(&format!("{}/watched", site.url)).await;
    let ground = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(ground).await;
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.call("Emulation.setEmulatedMedia", dark).await;
    assert_ne!(browser.evaluate(ground).await, light);
    let width = browser
        .evaluate("document.documentElement.scrollWidth")
        .await;
    assert_eq!(width, 360, "it has to be scrolled sideways");

    // The reader has filtered, opened what a cache is evicted by, and scrolled.
    let details = format!("{}.querySelector('details').open", element("page-orders"));
    browser
        .evaluate(&format!("window.here = 1; {details} = true"))
        .await;
    browser
        .evaluate(
            "document.getElementById('filter').value = 'PAGE-'; \
        document.getElementById('filter').dispatchEvent(new Event('input')); scrollTo(0, 3000)",
        )
        .await;
    browser
        .shows("document.getElementById('shown').innerText.includes(' of ')")
        .await;
    let first =
        "document.elementFromPoint(100, 300).closest('tbody').querySelector('th').innerText";
    let place = browser.evaluate(first).await;
    assert!(place.as_str().unwrap().contains("page-ttl-"), "{place}");

    cache.get_or_load("7", async || 1).await;
    cache.get_or_load("7", async || 1).await;
    events.invalidate_order("7").await.unwrap();
    cache.get_or_load("8", async || 1).await;
    browser
        .shows(&format!("{}?.includes('33 %')", row("page-orders")))
        .await;
    let text = browser.evaluate(&row("page-orders")).await;
    for expected in [
        "live",
        "events are proven to arrive",
        "1 of 3 reads",
        "1 by events",
        "of at most 10,000",
        "order: applied 1, evicted 1",
    ] {
        assert!(
            text.as_str().unwrap().contains(expected),
            "{expected}: {text}"
        );
    }
    let channel = browser.evaluate(&row("page:orders")).await;
    let channel = channel.as_str().unwrap();
    assert!(channel.contains("Evicts from: page-orders"), "{channel}");
    // It was not loaded anew.
    assert_eq!(browser.evaluate("window.here").await, 1);
    assert_eq!(browser.evaluate(first).await, place);
    let filtered = "document.getElementById('filter').value + location.search";
    assert_eq!(browser.evaluate(filtered).await, "PAGE-?filter=PAGE-");
    assert_eq!(browser.evaluate(&details).await, true);
    let hidden = format!("{}.hidden", element("page:quiet"));
    assert_eq!(browser.evaluate(&hidden).await, true);

    // A row that is added above does not move what is read.
    let added = TtlCache::<u32, u32>::builder("page-added", LONG)
        .build()
        .unwrap();
    browser.shows(&row("page-added")).await;
    assert_eq!(browser.evaluate(first).await, place);

    drop((others, added));
    browser.shows(&format!("!{}", row("page-ttl-050"))).await;
    assert_eq!(browser.complaints(), [""; 0]);
    browser.close().await;
}

#[tokio::test]
async fn says_when_it_could_not_be_refreshed() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let bus = Bus::in_process();
    let site = Site::start(&bus).await;
    browser.open(&format!("{}/watched", site.url)).await;
    browser
        .shows("document.getElementById('trouble').hidden")
        .await;
    browser
        .shows("/^\\d+ s old/.test(document.getElementById('age').innerText)")
        .await;
    let trouble =
        |text: &str| format!("document.getElementById('trouble').innerText.includes('{text}')");

    site.answers(Answer::Unavailable);
    browser.shows(&trouble("the answer has status 503")).await;
    // What is shown is old by now, and says so.
    browser
        .shows("document.body.classList.contains('old')")
        .await;
    site.answers(Answer::SignIn);
    browser
        .shows(&trouble("you may have to sign in again"))
        .await;
    site.answers(Answer::Page);
    browser
        .shows(
            "document.getElementById('trouble').hidden && !document.body.classList.contains('old')",
        )
        .await;

    let offline = |is: bool| json!({ "offline": is, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    browser.call("Network.enable", json!({})).await;
    browser
        .call("Network.emulateNetworkConditions", offline(true))
        .await;
    browser
        .shows(&trouble("the server cannot be reached"))
        .await;
    browser
        .call("Network.emulateNetworkConditions", offline(false))
        .await;
    browser
        .shows("document.getElementById('trouble').hidden")
        .await;

    // What the reader has selected stays, until they let go.
    browser
        .evaluate("getSelection().selectAllChildren(document.querySelector('h2'))")
        .await;
    browser.shows(&trouble("text is selected")).await;
    assert_eq!(
        browser.evaluate("String(getSelection())").await,
        "What looks wrong"
    );
    browser.evaluate("getSelection().removeAllRanges()").await;
    browser
        .shows("document.getElementById('trouble').hidden")
        .await;

    // Without JavaScript, the browser loads it again.
    let off = json!({ "value": true });
    browser
        .call("Emulation.setScriptExecutionDisabled", off)
        .await;
    let address = json!({ "url": format!("{}/watched", site.url) });
    browser.call("Page.navigate", address).await;
    let from = site.requests.load(Ordering::Relaxed);
    let requests = async || site.requests.load(Ordering::Relaxed);
    eventually("further requests", requests, |now| *now >= from + 2).await;
    browser.close().await;
}

#[tokio::test]
async fn what_comes_from_elsewhere_is_text() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let server = Server::start().await;
    let bus = Bus::redis(server.url())
        .name("page-here")
        .connect()
        .await
        .unwrap();
    let events = Prices::new(&bus);
    let ttl = TtlCache::<u32, u32>::builder(HOSTILE, LONG)
        .build()
        .unwrap();
    let loads = AtomicU32::new(0);
    let prices = Snapshot::builder("page-prices", move || {
        let loaded = match loads.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(1),
            _ => Err(HOSTILE),
        };
        async move { loaded }
    });
    let prices = prices.reload_on(&events, |_| true).load().await.unwrap();
    bus.ready().await.unwrap();
    events.invalidate_order("7").await.unwrap();
    let site = Site::start(&bus).await;
    browser.open(&format!("{}/caches", site.url)).await;
    browser
        .shows(&format!("{}?.includes('onerror=')", row("page-prices")))
        .await;
    browser.shows(&row(HOSTILE)).await;

    // The record of another instance.
    let admin = server.admin().await;
    let mut records: Vec<String> = admin.run(&["HGETALL", "cache-runtime:audit"]).await;
    let record = records.pop().unwrap();
    let record = record.replace("\"page-here\"", &Value::from(HOSTILE).to_string());
    assert!(record.contains("onerror"), "{record}");
    admin
        .run::<()>(&["HSET", "cache-runtime:audit", "other", &record])
        .await;
    browser.shows("document.getElementById('flags').innerText.includes('other instances have a TTL cache')").await;

    let count = "document.querySelectorAll('img, script, td td, h1 b').length";
    assert_eq!(browser.evaluate(count).await, 1, "the page's own script");
    assert_eq!(
        browser
            .evaluate("document.title.includes('Orders <b>1</b>')")
            .await,
        true
    );
    assert_eq!(browser.evaluate("window.owned === undefined").await, true);
    assert_eq!(browser.complaints(), [""; 0]);

    // Even if something did become markup, it could not run.
    let attempt = "try { document.body.setAttribute('onclick', 'window.owned=1'); 'allowed' } \
                   catch (error) { error.name }";
    assert_eq!(browser.evaluate(attempt).await, "TypeError");

    // Redis ends: this process is shown all the same, and the reason.
    drop(server);
    browser
        .shows("document.getElementById('alone')?.innerText.includes('Only this process is shown')")
        .await;
    browser.shows("/^\\d+ critical/.test(document.title)").await;
    browser
        .shows("document.querySelector('#flags li').innerText.includes('critical')")
        .await;
    drop((ttl, prices));
    browser.close().await;
}
