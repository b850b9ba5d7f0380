//! What a call may cost, counted and not timed: allocations, and writes to the socket.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{IoSlice, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::BytesMut;
use guildhall::Env;
use guildhall::env::{Accepted, Conn, Listener, Net, TokioNet};

use crate::world::{pair, pair_in, say, spawn};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _thread_ends = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Both sides run on this test's one thread. The sample's strings cost three on top of the framework's: the request's name on
/// the caller, the same decoded, and the reply's text twice; scalars would cost none.
#[tokio::test]
async fn a_call_allocates_at_most_four_times_on_each_side() {
    const STRINGS: usize = 5;
    let pair = pair().await;
    let cx = pair.caller.cx();
    for _ in 0..100 {
        say(&cx, "you").await.unwrap();
    }
    let before = ALLOCATIONS.get();
    for _ in 0..1000 {
        say(&cx, "you").await.unwrap();
    }
    let per_call = (ALLOCATIONS.get() - before).div_ceil(1000);
    assert!(per_call <= 8 + STRINGS, "{per_call} allocations per call");
}

#[tokio::test]
async fn sixteen_replies_or_more_share_a_write() {
    let writes = Arc::new(AtomicUsize::new(0));
    let net = Arc::new(CountingNet(Arc::clone(&writes)));
    let wall = std::time::Duration::from_secs(1_800_000_000);
    let pair = pair_in(Env::real(), Env::simulated(1, net, wall)).await;
    const CALLS: usize = 200;
    let before = writes.load(Ordering::Relaxed);
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let cx = pair.caller.cx();
            spawn(async move {
                for _ in 0..CALLS {
                    say(&cx, "you").await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let writes = writes.load(Ordering::Relaxed) - before;
    assert!(writes * 16 <= CALLS * 64, "{writes} writes for {} replies", CALLS * 64);
}

/// The machine's network, counting what accepted connections write.
struct CountingNet(Arc<AtomicUsize>);

impl Net for CountingNet {
    fn connect<'a>(&'a self, addr: &'a str) -> guildhall::BoxFuture<'a, Result<Box<dyn Conn>>> {
        TokioNet.connect(addr)
    }

    fn bind<'a>(&'a self, addr: &'a str) -> guildhall::BoxFuture<'a, Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = TokioNet.bind(addr).await?;
            Ok(Box::new(CountingListener(listener, Arc::clone(&self.0))) as Box<dyn Listener>)
        })
    }
}

struct CountingListener(Box<dyn Listener>, Arc<AtomicUsize>);

impl Listener for CountingListener {
    fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }

    fn accept(&self) -> guildhall::BoxFuture<'_, Result<Accepted>> {
        Box::pin(async {
            let Accepted { peer, attach } = self.0.accept().await?;
            let writes = Arc::clone(&self.1);
            let attach = move || Ok(Box::new(CountingConn(attach()?, writes)) as Box<dyn Conn>);
            Ok(Accepted { peer, attach: Box::new(attach) })
        })
    }
}

struct CountingConn(Box<dyn Conn>, Arc<AtomicUsize>);

impl Conn for CountingConn {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_readable(cx)
    }

    fn try_read(&self, buf: &mut BytesMut) -> Result<usize> {
        self.0.try_read(buf)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_writable(cx)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.try_write_vectored(bufs)
    }

    fn peer_addr(&self) -> Result<SocketAddr> {
        self.0.peer_addr()
    }
}
