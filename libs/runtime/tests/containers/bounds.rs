//! What a container may not do and not see.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use protocol::agents::RunReason;
use runtime::{MountRefused, NotAllowed};

use super::yard::{Yard, docker, mounted, shell, shell_with};

#[tokio::test]
#[ignore = "needs an engine"]
async fn it_has_no_capabilities_and_gets_no_privileges() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());

    let heard =
        agent.ask("grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status").await;

    let status: BTreeMap<_, _> =
        heard.answer().lines().filter_map(|line| line.split_once(":\t")).collect();
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"));
    let limits = "{{.HostConfig.PidsLimit}} {{.HostConfig.Privileged}}";
    assert_eq!(docker(&["inspect", "-f", limits, &yard.only()]), "512 false");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_capability_is_kept_where_it_is_asked_for() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell_with(|docker| docker.capabilities = vec!["CHOWN".into()]));

    assert_eq!(
        agent.ask("grep CapEff /proc/self/status").await.answer(),
        "CapEff:\t0000000000000001"
    );
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_read_only_root_can_be_written_to_where_that_is_said() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell_with(|docker| {
        docker.read_only = true;
        docker.tmpfs = vec!["/tmp".into()];
    }));

    assert!(agent.ask("echo x > /etc/x").await.answer().contains("Read-only file system"));
    assert_eq!(
        agent.ask("echo x > /tmp/x && echo y > here && cat /tmp/x here").await.answer(),
        "x\ny"
    );
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn variables_arrive_as_they_are() {
    let yard = Yard::new();
    let value = "one\ntwo \"three\" $HOME\n";
    let mut agent = yard.start(&shell_with(|docker| {
        docker.env = BTreeMap::from([("GIVEN".to_owned(), value.to_owned())]);
    }));

    assert_eq!(agent.ask("printf '%s|' \"$GIVEN\"; echo").await.answer(), format!("{value}|"));
    let longshore = agent.ask("env | grep -i longshore; true").await;
    assert_eq!(longshore.answer(), "", "nothing of the manager's environment");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn only_what_is_allowed_is_mounted() {
    let disk = tempfile::tempdir().unwrap();
    let (open, closed) = (disk.path().join("open"), disk.path().join("closed"));
    std::fs::create_dir_all(&open).unwrap();
    std::fs::create_dir_all(&closed).unwrap();
    std::fs::write(open.join("file"), "seen\n").unwrap();
    symlink(&closed, open.join("out")).unwrap();
    let yard = Yard::with(|rules| rules.mounts = vec![open.clone()]);
    let mounting = |source| shell_with(|docker| docker.mounts = vec![mounted(source, "/data")]);

    let mut agent = yard.start(&mounting(&open));
    assert_eq!(
        agent.ask("cat /data/file; ls /data/out/ 2>&1 | head -c 3; echo").await.answer(),
        "seen\nls:"
    );
    agent.stop().await;

    for source in [&closed, &open.join("out"), &open.join("none")] {
        let spec = mounting(source);
        assert!(matches!(yard.containers.check(&spec), Err(NotAllowed::Mount(_))));
        let heard = yard.start(&spec).ask("ls /data").await;
        assert_eq!(heard.failure().0, RunReason::AgentUnavailable);
        assert!(heard.failure().1.contains(source.to_str().unwrap()), "{heard:?}");
    }
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn a_link_that_leads_out_later_is_found_at_the_next_start() {
    let disk = tempfile::tempdir().unwrap();
    let project = disk.path().join("open/project");
    std::fs::create_dir_all(&project).unwrap();
    let yard = Yard::with(|rules| rules.mounts = vec![disk.path().join("open")]);
    let spec = shell_with(|docker| docker.mounts = vec![mounted(&project, "/data")]);
    let mut agent = yard.start(&spec);
    assert_eq!(agent.ask("echo ok").await.answer(), "ok");
    agent.stop().await;

    std::fs::remove_dir(&project).unwrap();
    symlink("/etc", &project).unwrap();

    let heard = yard.start(&spec).ask("ls /data").await;
    assert_eq!(heard.failure().0, RunReason::AgentUnavailable);
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn the_engine_cannot_be_reached_from_inside() {
    let yard = Yard::with(|rules| rules.mounts = vec!["/".into()]);
    let address = super::yard::engine();
    let socket = std::path::Path::new(address.trim_start_matches("unix://"));
    for source in
        [socket, socket.parent().unwrap(), "/".as_ref(), "/var/run".as_ref(), "/run".as_ref()]
    {
        let spec = shell_with(|docker| docker.mounts = vec![mounted(source, "/data")]);
        let refused = yard.containers.check(&spec);
        assert!(matches!(refused, Err(NotAllowed::Mount(MountRefused::Never(_)))), "{refused:?}");
        let heard = yard.start(&spec).ask("ls /data").await;
        assert_eq!(heard.failure().0, RunReason::AgentUnavailable);
    }

    let mut agent = yard.start(&shell());
    let found = agent.ask("find / -xdev -type s 2>/dev/null; true").await;
    assert_eq!(found.answer(), "");
}

#[tokio::test]
#[ignore = "needs an engine"]
async fn the_machines_network_is_shared_only_where_the_manager_allows_it() {
    let on_host = shell_with(|docker| docker.network = Some("host".to_owned()));
    let yard = Yard::new();
    assert!(matches!(yard.containers.check(&on_host), Err(NotAllowed::HostNetwork)));
    assert_eq!(yard.start(&on_host).ask("true").await.failure().0, RunReason::AgentUnavailable);

    let open = Yard::with(|rules| rules.host_network = true);
    assert_eq!(open.start(&on_host).ask("echo ok").await.answer(), "ok");
    let alone = shell_with(|docker| docker.network = Some("none".to_owned()));
    let mut agent = yard.start(&alone);
    assert_eq!(agent.ask("ls /sys/class/net").await.answer(), "lo");
}
