//! [`Proxy`]: connections to a server that are cut, slow or silent.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// An address of loopback that passes connections on to a server, on a thread of its own.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    faults: Arc<Mutex<Faults>>,
    /// Counts the cuts; its end ends the proxy.
    cuts: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Faults {
    delay: Duration,
    is_silent: bool,
    lost_answer: Option<Vec<u8>>,
    cut_answer: Option<usize>,
}

impl Proxy {
    /// A proxy to that address.
    pub fn to(server: impl Into<String>) -> Self {
        Self::at("127.0.0.1", 0, server)
    }

    /// A proxy at that address of loopback; at any free port where `port` is 0.
    pub fn at(host: &str, port: u16, server: impl Into<String>) -> Self {
        let server = server.into();
        let listener = std::net::TcpListener::bind((host, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let faults = Arc::<Mutex<Faults>>::default();
        let (cuts, cut) = watch::channel(0);
        let passing = Arc::clone(&faults);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(accept(listener, server, passing, cut));
        });
        Self { address, faults, cuts }
    }

    /// Where clients connect.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Closes all connections. New ones are passed on.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Passes bytes on after that time, each way.
    pub fn set_delay(&self, delay: Duration) {
        self.faults.lock().unwrap().delay = delay;
    }

    /// While silent, it accepts connections and passes nothing on.
    pub fn set_silent(&self, is_silent: bool) {
        self.faults.lock().unwrap().is_silent = is_silent;
    }

    /// Whenever a client sends these bytes, its connection is closed once the server has answered, and before the client has the answer.
    pub fn lose_answers_to(&self, request: Option<&[u8]>) {
        self.faults.lock().unwrap().lost_answer = request.map(<[u8]>::to_vec);
    }

    /// Passes only the first bytes of the next answer, of whatever connection, and then closes it.
    pub fn cut_next_answer(&self, after: usize) {
        self.faults.lock().unwrap().cut_answer = Some(after);
    }
}

async fn accept(
    listener: std::net::TcpListener,
    server: String,
    faults: Arc<Mutex<Faults>>,
    mut cut: watch::Receiver<u64>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        tokio::select! {
            changed = cut.changed() => if changed.is_err() {
                return;
            },
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let (server, faults, cut) = (server.clone(), Arc::clone(&faults), cut.clone());
                tokio::spawn(pass_both(client, server, faults, cut));
            }
        }
    }
}

async fn pass_both(
    client: TcpStream,
    server: String,
    faults: Arc<Mutex<Faults>>,
    mut cut: watch::Receiver<u64>,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _fast = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_lost = AtomicBool::new(false);
    let request = |bytes: &[u8], faults: &mut Faults| {
        let lost = faults.lost_answer.as_deref();
        if lost.is_some_and(|lost| bytes.windows(lost.len()).any(|window| window == lost)) {
            is_lost.store(true, Ordering::SeqCst);
        }
        bytes.len()
    };
    let answer = |bytes: &[u8], faults: &mut Faults| match is_lost.load(Ordering::SeqCst) {
        true => 0,
        false => faults.cut_answer.take().unwrap_or(usize::MAX).min(bytes.len()),
    };
    tokio::select! {
        () = pass(from_client, to_server, request, &faults) => {}
        () = pass(from_server, to_client, answer, &faults) => {}
        _ = cut.changed() => {}
    }
}

/// Passes bytes on until one side ends or `part` says that only the first of them go.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    part: impl Fn(&[u8], &mut Faults) -> usize,
    faults: &Mutex<Faults>,
) {
    let (sender, mut due) = mpsc::channel::<(Instant, Vec<u8>, bool)>(1024);
    let read = async move {
        let mut buffer = vec![0; 65536];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            while faults.lock().unwrap().is_silent {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let (at, passed) = {
                let mut faults = faults.lock().unwrap();
                (Instant::now() + faults.delay, part(&buffer[..n], &mut faults))
            };
            if sender.send((at, buffer[..passed].to_vec(), passed < n)).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes, is_last)) = due.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() || is_last {
                return;
            }
        }
    };
    // What was read before the end is passed on.
    tokio::select! {
        () = write => {}
        () = async { (read.await, std::future::pending().await).1 } => {}
    }
}
