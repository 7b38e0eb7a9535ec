//! Names and ports.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use super::{LONG, World, run, started};
use crate::harness::engine::Image;

/// Answers on the port as long as it runs.
const HELLO: &str = "mkdir /www; echo hello > /www/index.html; httpd -f -p 8000 -h /www";

fn get(address: SocketAddr) -> String {
    let mut answer = String::new();
    let Ok(mut stream) = TcpStream::connect(address) else { return answer };
    let _ = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// Waits until the server inside listens.
async fn hello(address: SocketAddr) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !get(address).ends_with("hello\n") {
        assert!(tokio::time::Instant::now() < deadline, "no answer at {address}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[test]
fn ports_are_published_on_the_loopback_interface_wherever_there_is_room() {
    let world = World::start();
    // The port inside is taken on this machine (or was taken before): that does not matter.
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 8000));
    run(async {
        let (run, mut service, id) = world.begin(&Image::script(HELLO)).await;
        service.ports.insert(8000);
        let container = run.create(&service, &id).await.unwrap();
        assert_eq!(container.address(8000), None);
        run.start(&container).await.unwrap();
        let address = container.address(8000).unwrap();
        assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
        assert_ne!(address.port(), 8000);
        assert_eq!(container.address(80), None);
        hello(address).await;

        // A second one of the same service, at the same time.
        let second = started(&run, &service, &id).await;
        assert_ne!(second.address(8000).unwrap(), address);
        hello(second.address(8000).unwrap()).await;

        world.end(run).await;
        assert_eq!(get(address), "");
    });
    drop(taken);
}

#[test]
fn services_reach_each_other_by_name_and_runs_do_not() {
    let world = World::start();
    run(async {
        let engine = world.engine.connect().await;
        let (mut server, id) = world.pulled(&engine, "api", &Image::script(HELLO)).await;
        server.aliases.insert("backend".to_owned());
        server.ports.insert(8000);
        let run = engine.begin(LONG).await.unwrap();
        let other = engine.begin(LONG).await.unwrap();
        let container = started(&run, &server, &id).await;
        hello(container.address(8000).unwrap()).await;

        let client = super::service_of("web", server.image.clone());
        let ask = "wget -qO- http://api:8000/ && wget -qO- http://backend:8000/";
        let finished = run.once(&client, &id, ask, LONG).await.unwrap();
        assert_eq!((finished.exit_code, finished.output.as_str()), (Some(0), "hello\nhello"));
        let finished = other.once(&client, &id, ask, LONG).await.unwrap();
        assert_ne!(finished.exit_code, Some(0), "{finished:?}");

        // The removal of one run leaves the other alone.
        other.remove().await.unwrap();
        hello(container.address(8000).unwrap()).await;
        world.end(run).await;
    });
}

#[test]
fn a_port_where_nobody_listens_is_closed_without_a_byte() {
    let world = World::start();
    run(async {
        let (run, mut service, id) = world.begin(&Image::script("sleep 1000")).await;
        service.ports.insert(8000);
        let container = started(&run, &service, &id).await;
        assert_eq!(get(container.address(8000).unwrap()), "");
        world.end(run).await;
    });
}
