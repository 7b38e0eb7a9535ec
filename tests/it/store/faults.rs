//! What goes wrong on the way to a server, and in it.

use tidegate::exit::{Exit, Failure};

use super::*;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::store_proxy::StoreProxy;

/// The stores that are reached over a network.
fn on_each_server(test: impl Fn(&Kept, &Container)) {
    for kept in [Kept::Azure(Azurite::start()), Kept::S3(S3Server::start())] {
        let container = stores::made(&kept.store(), "bronze");
        test(&kept, &container);
    }
}

fn exit(error: StoreError) -> Exit {
    Failure::of(&anyhow::Error::new(error)).exit
}

#[test]
fn a_busy_server_is_asked_again_and_counted() {
    on_each_server(|kept, direct| {
        let name = kept.name();
        let proxy = StoreProxy::start(host(kept));
        let container = behind(kept, proxy.host());
        for (status, headers) in [(503, ""), (429, "Retry-After: 1\r\n")] {
            let before = container.busy();
            proxy.refuse(3, status, headers);
            write(&container, "x", &format!("{status}"), Expect::Anything);
            assert_eq!(container.busy() - before, 3, "{name}");
            assert_eq!(read(direct, "x").unwrap(), status.to_string().as_bytes(), "{name}");
        }
        // A storm that does not end is told as what it is.
        proxy.refuse(usize::MAX, 503, "");
        let retry = Retry { patience: Duration::from_millis(200), ..QUICK };
        let environment = match kept {
            Kept::Azure(_) => azurite::environment(proxy.host()),
            Kept::S3(_) | Kept::Folder(_) => s3_server::environment(proxy.host()),
        };
        let url = match kept {
            Kept::Azure(_) => azurite::store_url(),
            Kept::S3(_) | Kept::Folder(_) => s3_server::store_url(),
        };
        let options = Options { retry, ..stores::options(environment) };
        let store = Store::open(&url.parse().unwrap(), options).unwrap();
        let error = run(store.container("bronze").unwrap().head("x")).unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{name}: {error}");
        assert_eq!(exit(error), Exit::Unreachable, "{name}");
    });
}

#[test]
fn an_upload_that_is_cut_at_any_byte_arrives_whole() {
    let folder = TempDir::new().unwrap();
    on_each_server(|kept, direct| {
        let proxy = StoreProxy::start(host(kept));
        for (size, cuts) in
            [(300_000, &[0, 100, 500, 5_000, 299_000][..]), (20_000_000, &[700_000, 8_388_700])]
        {
            let (file, bytes) = file(&folder, size);
            for cut in cuts {
                let container = behind(kept, proxy.host());
                proxy.cut_uploads(*cut, 2);
                upload(&container, "cut.bin", &file).unwrap();
                assert_eq!(proxy.faults_left(), 0, "{}: {cut}", kept.name());
                assert!(read(direct, "cut.bin").unwrap() == bytes, "{}: {cut}", kept.name());
                run(direct.delete("cut.bin")).unwrap();
            }
        }
    });
}

#[test]
fn a_download_that_is_cut_at_any_byte_goes_on() {
    let folder = TempDir::new().unwrap();
    on_each_server(|kept, direct| {
        let (file, bytes) = file(&folder, 3_000_000);
        let object = upload(direct, "x", &file).unwrap();
        let proxy = StoreProxy::start(host(kept));
        for cut in [0, 50, 300, 1_000, 1_500_000, 2_999_999] {
            let container = behind(kept, proxy.host());
            proxy.cut_downloads(cut, 3);
            let got = streamed(&container, "x", 0, Some(&object.etag)).unwrap();
            assert!(got == bytes, "{}: cut after {cut} bytes", kept.name());
            proxy.cut_downloads(0, 0);
        }
        // Listings, too.
        let container = behind(kept, proxy.host());
        proxy.cut_downloads(200, 2);
        assert_eq!(paths(&container, ""), ["x"], "{}", kept.name());
        assert_eq!(proxy.faults_left(), 0, "{}", kept.name());
    });
}

#[test]
fn a_conditional_write_whose_answer_is_lost_knows_its_own_work() {
    on_each_server(|kept, direct| {
        let name = kept.name();
        let proxy = FaultProxy::start(host(kept));
        let container = behind(kept, proxy.host());
        proxy.add(Rule::on("PUT", "latest.json").times(1).fault(Fault::DropAnswer));
        let Written::Done(first) = write(&container, "latest.json", "1", Expect::Missing) else {
            panic!("{name}: the write that was applied counts as lost");
        };
        assert_eq!(proxy.count("PUT", "latest.json"), 2, "{name}");
        proxy.add(Rule::on("PUT", "latest.json").times(1).fault(Fault::DropAnswer));
        let again = write(&container, "latest.json", "2", Expect::Version(first.clone()));
        assert!(matches!(again, Written::Done(_)), "{name}");
        // Another one's content is no work of ours.
        proxy.forget();
        let other = direct.clone();
        proxy.add(
            Rule::on("PUT", "latest.json")
                .times(1)
                .before(move |_| {
                    let (tell, told) = std::sync::mpsc::channel();
                    let other = other.clone();
                    std::thread::spawn(move || {
                        write(&other, "latest.json", "3", Expect::Anything);
                        tell.send(()).unwrap();
                    });
                    told.recv().unwrap();
                })
                .fault(Fault::DropAnswer),
        );
        let Written::Done(second) = again else { unreachable!() };
        let lost = write(&container, "latest.json", "4", Expect::Version(second));
        assert_eq!(lost, Written::Moved, "{name}");
        assert_eq!(read(direct, "latest.json").unwrap(), b"3", "{name}");
    });
}

#[test]
fn a_completion_whose_answer_is_lost_is_found_out() {
    let folder = TempDir::new().unwrap();
    let (file, bytes) = file(&folder, 9_000_000);
    on_each_server(|kept, direct| {
        let proxy = FaultProxy::start(host(kept));
        let container = behind(kept, proxy.host());
        let rule = match kept {
            Kept::Azure(_) => Rule::on("PUT", "comp=blocklist"),
            Kept::S3(_) | Kept::Folder(_) => Rule::on("POST", "uploadId="),
        };
        proxy.add(rule.times(1).fault(Fault::DropAnswer));
        upload(&container, "x", &file).unwrap();
        assert!(read(direct, "x").unwrap() == bytes, "{}", kept.name());
    });
}

#[test]
fn a_part_that_fails_for_good_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let (file, _) = file(&folder, 20_000_000);
    on_each_server(|kept, direct| {
        let proxy = FaultProxy::start(host(kept));
        let container = behind(kept, proxy.host());
        let part = match kept {
            Kept::Azure(_) => "comp=block&",
            Kept::S3(_) | Kept::Folder(_) => "partNumber=",
        };
        proxy.add(Rule::on("PUT", part).skip(1).times(9).answer(403, &[], ""));
        let error = upload(&container, "x", &file).unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{}: {error}", kept.name());
        assert_eq!(read(direct, "x"), None, "{}", kept.name());
        if let Kept::S3(_) = kept {
            assert_eq!(proxy.count("DELETE", "uploadId="), 1, "the parts are taken back");
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_given_up_and_named_without_secrets() {
    on_each_server(|kept, _| {
        // A port that was free a moment ago and answers nobody.
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = match kept {
            Kept::Azure(_) => azurite::store_url(),
            Kept::S3(_) | Kept::Folder(_) => s3_server::store_url(),
        };
        let environment = match kept {
            Kept::Azure(_) => azurite::environment(&gone.to_string()),
            Kept::S3(_) | Kept::Folder(_) => s3_server::environment(&gone.to_string()),
        };
        let retry = Retry { patience: Duration::from_millis(200), ..QUICK };
        let options = Options { retry, ..stores::options(environment) };
        let store = Store::open(&url.parse().unwrap(), options).unwrap();
        let error = run(store.container("bronze").unwrap().head("x")).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("no connection (Connection refused"), "{}: {said}", kept.name());
        assert_eq!(exit(error), Exit::Unreachable);
    });
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    on_each_server(|kept, _| {
        let proxy = FaultProxy::start(host(kept));
        let container = behind(kept, proxy.host());
        let denied = |answer: &mut crate::harness::fault_proxy::Answer| {
            answer.status = 403;
            let date = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(47);
            answer.set(
                "Date",
                &jiff::fmt::rfc2822::to_string(&date.to_zoned(jiff::tz::TimeZone::UTC))
                    .unwrap()
                    .replace("+0000", "GMT"),
            );
        };
        proxy.add(Rule::on("PUT", "x").times(1).edit(denied));
        let result = run(container.write("x", Bytes::new(), Expect::Anything));
        let said = result.unwrap_err().to_string();
        assert!(
            said.contains("clock is 4") && said.contains("minutes behind"),
            "{}: {said}",
            kept.name()
        );
    });
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_not_stored() {
    let folder = TempDir::new().unwrap();
    on_each_server(|kept, direct| {
        let (path, _) = file(&folder, 9_000_000);
        let proxy = FaultProxy::start(host(kept));
        let container = behind(kept, proxy.host());
        let part = match kept {
            Kept::Azure(_) => "comp=block&",
            Kept::S3(_) | Kept::Folder(_) => "partNumber=",
        };
        let changed = path.clone();
        proxy.add(Rule::on("PUT", part).times(1).before(move |_| {
            use std::io::Write as _;
            let mut file = std::fs::OpenOptions::new().append(true).open(&changed).unwrap();
            file.write_all(b"more").unwrap();
        }));
        let error = upload(&container, "x", &path).unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{}: {error}", kept.name());
        assert_eq!(read(direct, "x"), None, "{}", kept.name());
    });
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = TempDir::new().unwrap();
    on_each(|kept, container| {
        let error = upload(container, "x", folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::File { .. }), "{}: {error}", kept.name());
        let error = upload(container, "x", &folder.path().join("none")).unwrap_err();
        assert!(matches!(error, StoreError::File { .. }), "{}: {error}", kept.name());
        assert_eq!(read(container, "x"), None, "{}", kept.name());
    });
}
