//! The login server under attack: by silence, by guesses, by numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::program::Place;

/// Longer means that it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection from an address of loopback.
async fn connect(from: &str, to: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let to: std::net::SocketAddr = to.parse().unwrap();
    tokio::time::timeout(PATIENCE, socket.connect(to)).await.unwrap().unwrap()
}

fn request(path: &str, account: &str, password: &str) -> String {
    let body = json!({ "account": account, "password": password }).to_string();
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The code and the body of the next answer; `None` when the connection was closed without one.
async fn answer(stream: &mut TcpStream) -> Option<(u16, Value)> {
    let mut read = Vec::new();
    let answer = async {
        loop {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return None;
            }
            let text = std::str::from_utf8(&read).ok()?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
            if body.len() >= length.parse().ok()? {
                return Some((head[9..12].parse().ok()?, serde_json::from_str(body).ok()?));
            }
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.expect("no answer")
}

async fn login(place: &Place, from: &str, account: &str, password: &str) -> (u16, Value) {
    let mut stream = connect(from, place.login_addr()).await;
    stream.write_all(request("/login", account, password).as_bytes()).await.unwrap();
    answer(&mut stream).await.expect("an answer")
}

/// How long the slowest but one of 60 logins takes at each of two servers, in turns: what else the machine does slows both. On a
/// thread of its own, so that attackers cost only what they cost the server.
async fn p98(places: &[Arc<Place>; 2]) -> [Duration; 2] {
    let places = places.clone();
    let times = tokio::task::spawn_blocking(move || {
        let mut times = [Vec::new(), Vec::new()];
        for at in 0..120 {
            let begin = Instant::now();
            let (code, body) = places[at % 2].login("/login", "ada", "correct horse");
            assert_eq!(code, 200, "{body}");
            times[at % 2].push(begin.elapsed());
        }
        times.map(|mut times| {
            times.sort();
            times[58]
        })
    });
    times.await.unwrap()
}

#[tokio::test]
async fn logins_go_on_with_1100_silent_and_300_attacking_connections() {
    let places = [Arc::new(Place::new()), Arc::new(Place::new())];
    let _servers = places.each_ref().map(|place| {
        let server = place.serve(&[]);
        assert_eq!(place.login("/register", "ada", "correct horse").0, 201);
        server
    });
    // The other one is left alone.
    let addr = places[0].login_addr().to_owned();
    // A third says nothing, a third asked once, a third drips the head of a request.
    let mut silent = Vec::new();
    for number in 0..1100 {
        let mut stream = connect("127.0.0.1", &addr).await;
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"GET /keys HTTP/1.1\r\n\r\n").await.unwrap(),
            _ => stream.write_all(b"GET /keys HTTP/1.1\r\nX: ").await.unwrap(),
        }
        silent.push(stream);
    }
    let (over, guesses) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let drip = {
        let over = Arc::clone(&over);
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                for stream in silent.iter_mut().skip(2).step_by(3) {
                    let _closed = stream.try_write(b"x");
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        })
    };
    // From the same address as the player, which is the worst case: names and passwords as they come to mind.
    let attackers: Vec<_> = (0..300)
        .map(|attacker| {
            let (addr, over, guesses) = (addr.clone(), Arc::clone(&over), Arc::clone(&guesses));
            tokio::spawn(async move {
                let mut round = 0;
                while !over.load(Ordering::Relaxed) {
                    let mut stream = connect("127.0.0.1", &addr).await;
                    let account = format!("name-{attacker}-{round}");
                    let guess = request("/login", &account, "password");
                    while stream.write_all(guess.as_bytes()).await.is_ok()
                        && answer(&mut stream).await.is_some()
                    {
                        guesses.fetch_add(1, Ordering::Relaxed);
                    }
                    round += 1;
                }
            })
        })
        .collect();
    // When the first wave is over.
    while guesses.load(Ordering::Relaxed) < 300 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (begin, first) = (Instant::now(), guesses.load(Ordering::Relaxed));
    // Chance only adds to what a login takes: one round of three that is quick enough shows that all could be.
    let mut is_quick = false;
    for _ in 0..3 {
        let [attacked, alone] = p98(&places).await;
        println!("p98 {attacked:?} under attack, {alone:?} without");
        // Below this it is the machine that is measured: a login takes 30 to 60 ms of a core.
        is_quick |= attacked <= alone.max(Duration::from_millis(100)) * 2;
        if is_quick {
            break;
        }
    }
    let (time, count) = (begin.elapsed(), guesses.load(Ordering::Relaxed) - first);
    over.store(true, Ordering::Relaxed);
    drip.await.unwrap();
    for attacker in attackers {
        attacker.abort();
    }
    assert!(is_quick, "under attack a login takes more than twice as long, three times");
    // Each attacker waits five seconds for its answer.
    assert!(f64::from(count) <= 60.0 * (time.as_secs_f64() + 5.0), "{count} in {time:?}");
}

#[tokio::test]
async fn an_account_is_guessed_so_often_a_minute_and_its_player_still_gets_in() {
    let place = Place::new();
    // One more every 20 s.
    let _server = place.serve(&["login.refusal_ms=0", "login.tries_per_account=3"]);
    assert_eq!(place.login("/register", "ada", "correct horse").0, 201);
    let mut answers = Vec::new();
    for guess in 0..60 {
        let from = format!("127.0.0.{}", 2 + guess % 40);
        answers.push(login(&place, &from, "ada", &format!("guess number {guess}")).await);
    }
    let count = |wanted: u16| answers.iter().filter(|(code, _)| *code == wanted).count();
    assert_eq!((count(401), count(429)), (3, 57));
    let (_, limited) = answers.last().unwrap();
    assert_eq!((&limited["code"], &limited["reason"]), (&json!("RESOURCE_EXHAUSTED"), &json!(7)));
    // It has been here before; from elsewhere it has to wait.
    assert_eq!(login(&place, "127.0.0.1", "ada", "correct horse").await.0, 200);
    assert_eq!(login(&place, "127.0.0.99", "ada", "correct horse").await.0, 429);
}

#[tokio::test]
async fn an_address_guesses_so_often_a_minute_whatever_it_says_it_is() {
    let place = Place::new();
    // One more every 10 s.
    let _server = place.serve(&["login.refusal_ms=0", "login.tries_per_address=6"]);
    let mut wrong = 0;
    for guess in 0..60 {
        let mut stream = connect("127.0.0.1", place.login_addr()).await;
        let forged = format!("Host: x\r\nX-Forwarded-For: 10.0.0.{guess}\r\n");
        let request = request("/login", &format!("name-{guess}"), "password");
        let request = request.replace("Host: x\r\n", &forged);
        stream.write_all(request.as_bytes()).await.unwrap();
        match answer(&mut stream).await.expect("an answer").0 {
            401 => wrong += 1,
            code => assert_eq!(code, 429),
        }
    }
    assert!((6..=7).contains(&wrong), "{wrong} guesses passed");
    assert_eq!(login(&place, "127.0.0.2", "somebody", "password").await.0, 401);
}

#[tokio::test]
async fn pages_of_configured_sites_log_in_and_no_others() {
    let place = Place::new();
    let _server = place.serve(&["login.origins=['https://game.example']"]);
    for (origin, expected) in [("https://game.example", true), ("https://evil.example", false)] {
        let mut stream = connect("127.0.0.1", place.login_addr()).await;
        let ask = format!(
            "OPTIONS /login HTTP/1.1\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let allows = format!("Access-Control-Allow-Origin: {origin}\r\n");
        assert_eq!(answer.contains(&allows), expected, "{answer}");
    }
}

/// Also what makes the promise of 150 MB: each hash has 19 MiB.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn parallel_logins_use_the_same_memory_again() {
    let place = Place::new();
    // All of them are hashed, as far as the queue goes.
    let server =
        place.serve(&["login.tries_per_address=0", "login.hashes=2", "login.request_ms=60000"]);
    let mut peaks = Vec::new();
    for round in 0..3 {
        let logins = (0..600).map(|number| {
            let place = &place;
            async move { login(place, "127.0.0.1", &format!("name-{number}"), "password").await.0 }
        });
        let codes = futures_util::future::join_all(logins).await;
        let count = |wanted: u16| codes.iter().filter(|code| **code == wanted).count();
        assert!(count(401) >= 100 && count(401) + count(429) == 600, "round {round}: {codes:?}");
        peaks.push(server.peak_memory());
    }
    println!("peaks {peaks:?} bytes");
    assert!(peaks[2] < 150_000_000, "{peaks:?}");
    // The first round opens what the others use again.
    assert!(peaks[2] < peaks[1] + 10_000_000, "it grows with each round: {peaks:?}");
}
