use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use super::*;

/// More connections than either port has.
const MANY: usize = 100;

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// Far longer than any client waits, so that a connection ends only by what a test is about.
const LONG: Duration = Duration::from_hours(1);

/// A client that gives up after a minute of silence: far more than a busy machine takes to answer.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream
}

/// What is answered to a request for a path.
#[track_caller]
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[track_caller]
fn answers(address: SocketAddr, path: &str) {
    let text = get(address, path);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}

/// Whether the other side has closed, or does so within a minute.
fn is_closed(mut stream: &TcpStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

/// A port for probes and one for metrics, whose connections end by themselves only after [`LONG`].
fn ports() -> (SocketAddr, SocketAddr) {
    let state = Probes::new("the API server");
    let probes = serve(Port { exchange: LONG, ..PROBES }, anywhere(), move |path| probe(path, &state)).unwrap();
    let metrics = serve(Port { exchange: LONG, ..METRICS }, anywhere(), |_| plain(StatusCode::OK, "ok")).unwrap();
    (probes, metrics)
}

#[test]
fn each_port_answers_what_it_is_for() {
    let state = Arc::new(Probes::new("the API server"));
    let probes = serve_probes(Arc::clone(&state), anywhere()).unwrap();
    let metrics = serve_metrics(Arc::default(), anywhere()).unwrap();
    let answer = |address, path| {
        let text = get(address, path);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    };
    let is = |status: &str, body: &str| (status.to_owned(), format!("{body}\n"));
    assert_eq!(answer(probes, "/livez"), is("200", "ok"));
    assert_eq!(answer(probes, "/readyz"), is("503", "waits for the API server"));
    state.is_ready();
    assert_eq!(answer(probes, "/readyz"), is("200", "ok"));
    assert_eq!(answer(probes, "/metrics").0, "404");
    let text = get(metrics, "/metrics");
    assert!(text.contains(&format!("content-type: {OPEN_METRICS}\r\n")), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(answer(metrics, "/livez").0, "404");
}

#[test]
fn an_address_that_is_taken_is_named_with_its_flag() {
    let taken = TcpListener::bind(anywhere()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = serve_metrics(Arc::default(), address).unwrap_err();
    assert_eq!(error.to_string(), format!("--metrics-address {address} cannot be listened on"));
}

#[test]
fn connections_that_ask_nothing_keep_nobody_out() {
    let (probes, metrics) = ports();
    let idle: Vec<TcpStream> =
        [probes, metrics].into_iter().flat_map(|port| (0..MANY).map(move |_| connect(port))).collect();
    answers(probes, "/livez");
    answers(metrics, "/metrics");
    let half: Vec<TcpStream> = idle
        .iter()
        .map(|idle| {
            let mut stream = connect(idle.peer_addr().unwrap());
            write!(stream, "GET /livez HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    answers(probes, "/livez");
    answers(metrics, "/metrics");
    assert!(is_closed(&idle[0]), "the oldest made room");
    drop(half);
}

#[test]
fn clients_that_do_not_read_keep_nobody_out() {
    let (probes, _) = ports();
    // More than the kernel takes for a client that does not read.
    let text = Bytes::from(vec![b'x'; 8_000_000]);
    let large =
        serve(Port { exchange: LONG, ..METRICS }, anywhere(), move |_| Response::new(Full::new(text.clone()))).unwrap();
    let deaf: Vec<TcpStream> = (0..3 * METRICS.connections)
        .map(|_| {
            let mut stream = connect(large);
            write!(stream, "GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
            stream
        })
        .collect();
    answers(large, "/");
    answers(probes, "/livez");
    drop(deaf);
}

#[test]
fn an_exchange_has_a_time_for_request_and_answer() {
    let port = Port { exchange: Duration::from_millis(200), ..METRICS };
    let text = Bytes::from(vec![b'x'; 64_000_000]);
    let address = serve(port, anywhere(), move |_| Response::new(Full::new(text.clone()))).unwrap();
    let silent = connect(address);
    let mut deaf = connect(address);
    write!(deaf, "GET / HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let slow = connect(address);
    for byte in b"GET / HTTP/1.1\r\n" {
        // It is cut off meanwhile.
        let _ = (&slow).write(&[*byte]);
        thread::sleep(Duration::from_millis(30));
    }
    assert!(is_closed(&silent) && is_closed(&slow));
    let mut answer = Vec::new();
    let _ = deaf.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.len() < 64_000_000, "{} bytes", answer.len());
}

#[test]
fn a_request_has_a_size() {
    let (_, metrics) = ports();
    for endless in ["x", "a: b\r\n"] {
        let mut stream = connect(metrics);
        let _ = write!(stream, "GET /metrics HTTP/1.1\r\n{}", endless.repeat(MAX_REQUEST));
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert!(is_closed(&stream));
    }
}
