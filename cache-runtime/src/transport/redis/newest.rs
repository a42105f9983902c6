//! Which of the views that the nodes of a cluster have of its slots is the newest.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::slots::View;
use crate::health::Cause;
use crate::io_thread::timeout;

/// How many nodes are asked at a time. One of them may not have heard of a fail-over.
const ASKED: usize = 3;

/// How long to wait for the other nodes, once one has answered.
const GRACE: Duration = Duration::from_millis(50);

/// How long to wait before more nodes are asked.
const PATIENCE: Duration = Duration::from_millis(100);

/// The newest of the views that come within a moment after the first one that is not older than what
/// is known, which has the epoch `known`.
///
/// The nodes are asked in order, a few at first. While none of them has such a view, further ones are
/// asked. So an older view counts only if every node that answers has an older one: after the cluster
/// was set up anew, its epochs begin again.
///
/// Of equal epochs, the view of the node with the latest claim counts. If that node does not answer in
/// time, or is not among those that are asked, a slot that it has just taken is found with the next
/// question that it answers, or once the others have heard of it.
pub(super) async fn newest<'a>(
    mut nodes: impl Iterator<Item = BoxFuture<'a, Result<View, Cause>>>,
    known: u64,
) -> Result<View, Cause> {
    let mut asked = FuturesUnordered::new();
    let (mut newest, mut cause): (Option<View>, _) = (None, None);
    let mut more = ASKED;
    loop {
        let is_found = newest.as_ref().is_some_and(|view| view.epoch >= known);
        if !is_found {
            asked.extend(nodes.by_ref().take(more));
        }
        let pause = if is_found { GRACE } else { PATIENCE };
        more = 1;
        match timeout(pause, asked.next()).await {
            Ok(Some(Ok(view))) => {
                let is_newer = newest
                    .as_ref()
                    .is_none_or(|newest| newest.order() < view.order());
                if is_newer {
                    newest = Some(view);
                }
            }
            Ok(Some(Err(failed))) => cause = cause.or(Some(failed)),
            Ok(None) => break,
            Err(_) if is_found => break,
            Err(_) => more = ASKED,
        }
    }
    newest.ok_or_else(|| cause.unwrap_or(Cause::Disconnected))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures_util::FutureExt;

    use super::super::slots::Range;
    use super::*;

    /// A node: it answers with a view of an epoch, fails, or never answers.
    #[derive(Clone, Copy)]
    enum Node {
        Says(u64),
        Fails,
        IsSilent,
    }
    use Node::{Fails, IsSilent, Says};

    /// The epoch of the newest view, and how many nodes were asked.
    async fn ask(nodes: &[Node], known: u64) -> (Result<u64, Cause>, usize) {
        let asked = AtomicUsize::new(0);
        let views = nodes.iter().map(|node| {
            asked.fetch_add(1, SeqCst);
            match node {
                Says(epoch) => ready(Ok(View {
                    epoch: *epoch,
                    ..View::default()
                }))
                .boxed(),
                Fails => ready(Err(Cause::Disconnected)).boxed(),
                IsSilent => pending().boxed(),
            }
        });
        let found = newest(views, known).await.map(|view| view.epoch);
        (found, asked.load(SeqCst))
    }

    #[tokio::test]
    async fn the_greatest_epoch_counts_in_any_order() {
        for nodes in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
            assert_eq!(ask(&nodes.map(Says), 0).await, (Ok(3), 3));
        }
    }

    /// A slot has moved to a node that already had the greatest epoch. The others have not heard of it.
    #[tokio::test]
    async fn of_equal_epochs_the_latest_claim_counts_in_any_order() {
        let view = |claim, port| View {
            epoch: 6,
            claim,
            ranges: vec![Range {
                first: 0,
                last: 0,
                host: "node".to_owned(),
                port,
            }],
        };
        for order in [[(1, 1), (2, 1), (6, 6)], [(6, 6), (2, 1), (1, 1)]] {
            let views = order.map(|(claim, port)| ready(Ok(view(claim, port))).boxed());
            let newest = newest(views.into_iter(), 6).await.unwrap();
            assert_eq!(newest.ranges[0].port, 6);
        }
    }

    #[tokio::test]
    async fn nodes_are_asked_until_one_is_not_behind() {
        let mut nodes = vec![Says(4), Fails, IsSilent, Fails, Says(3), IsSilent, IsSilent];
        nodes.extend([IsSilent, Says(5), Says(6)]);
        let (found, asked) = ask(&nodes, 5).await;
        assert!(matches!(found, Ok(5 | 6)), "{found:?}");
        assert!(asked >= 9, "{asked}");
        assert_eq!(ask(&[Fails; 7], 5).await, (Err(Cause::Disconnected), 7));
    }

    #[tokio::test]
    async fn an_older_view_counts_if_no_node_has_a_newer_one() {
        let nodes = [Says(2), Fails, Says(3), Says(1), Fails];
        assert_eq!(ask(&nodes, 9).await, (Ok(3), 5));
    }
}
