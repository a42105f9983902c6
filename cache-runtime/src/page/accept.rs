//! Which of its two forms a request asks for.

use http::{HeaderMap, Uri, header};

/// Whether JSON is asked for: by the path, the query, or the header `accept`.
pub(super) fn wants_json(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = |pair: &str| pair == "json" || pair.starts_with("json=");
    uri.path().ends_with("/json")
        || uri.query().is_some_and(|query| query.split('&').any(named))
        || quality(headers, "application", "json") > quality(headers, "text", "html")
}

/// How much the client wants a type, from 0 to 1: the weight of the most specific range that covers it.
fn quality(headers: &HeaderMap, kind: &str, subtype: &str) -> f32 {
    let ranges = headers.get_all(header::ACCEPT).into_iter();
    let ranges = ranges.filter_map(|value| value.to_str().ok());
    let ranges = ranges.flat_map(|value| value.split(','));
    let weights = ranges.filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let (of, sub) = parts.next()?.split_once('/')?;
        let specific = match (of, sub) {
            ("*", "*") => 0,
            (of, "*") if of.eq_ignore_ascii_case(kind) => 1,
            (of, sub) if of.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => 2,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        Some((specific, weight.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
    });
    let most = weights.max_by_key(|(specific, _)| *specific);
    most.map_or(0.0, |(_, weight)| weight)
}

#[cfg(test)]
mod tests {
    use super::wants_json;
    use http::Request;

    fn asks(uri: &str, accept: &[&str]) -> bool {
        let request = accept.iter().fold(Request::get(uri), |request, accept| {
            request.header("accept", *accept)
        });
        let request = request.body(()).unwrap();
        wants_json(request.uri(), request.headers())
    }

    #[test]
    fn a_browser_gets_the_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(!asks("/caches", &[browser]));
        assert!(!asks("/caches", &["*/*"]));
        assert!(!asks("/caches", &[]));
        assert!(!asks("/caches?jsonp=1&filter=json", &[]));
        assert!(!asks("/not-json", &["text/*, application/json;q=0.5"]));
    }

    #[test]
    fn json_is_asked_for_in_three_ways() {
        assert!(asks("/json", &[]));
        assert!(asks("/caches/json", &["text/html"]));
        assert!(asks("/caches?json", &["text/html"]));
        assert!(asks("/caches?filter=a&json=1", &[]));
        assert!(asks("/caches", &["application/json"]));
        assert!(asks("/caches", &["Application/JSON; q=0.9, */*;q=0.1"]));
        assert!(asks("/caches", &["text/html;q=0.5", "application/*"]));
    }
}
