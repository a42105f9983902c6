//! Ports that no other test takes, in this process or another.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports of outgoing connections: a client that reconnects to a server that is down could
/// otherwise be given the server's own port.
const PORTS: Range<u16> = 10_000..32_000;

/// A TCP port of the loopback interface, reserved until dropped, also while nothing listens on it.
///
/// The reservation is a UDP socket bound to the same number. TCP stays free for the server, every
/// test process checks the reservation, and the kernel releases it when this process ends.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: UdpSocket,
}

impl Port {
    /// Reserves a free one.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Processes begin at different ports, which saves failed attempts.
        let start = process::id().wrapping_mul(7919) % u32::from(u16::MAX);
        for _ in PORTS {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let offset = (start + u32::from(step)) % u32::from(PORTS.end - PORTS.start);
            let number = PORTS.start + u16::try_from(offset).expect("smaller than the range");
            let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) else {
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Self {
                    number,
                    _reservation: reservation,
                };
            }
        }
        panic!("no free port in {PORTS:?}");
    }

    /// The port itself.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}
