//! Attempts to leave the workspace, and what is no file.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, process};

use protocol::agents::FileKind;
use tempfile::TempDir;

use super::*;

struct Workspace {
    /// `secret` is in it, and the workspace `w`.
    around: TempDir,
    files: Files,
}

impl Workspace {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        fs::write(around.path().join("secret"), "secret").unwrap();
        fs::create_dir(around.path().join("w")).unwrap();
        let files = Files::open(&around.path().join("w")).unwrap();
        Self { around, files }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.around.path().join("w").join(path)
    }

    fn put(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap();
    }

    fn content(&self, path: &str) -> String {
        self.files.read(path, 0, 1 << 20, None).unwrap().content
    }

    fn write(&self, path: &str, text: &str) -> Result<String, FileError> {
        self.files.write(path, text.to_owned(), None, None).map(|written| written.version)
    }

    /// Everything that can be done with a path, none of which may work.
    fn is_refused(&self, path: &str) {
        self.put("mine", "mine");
        assert!(self.files.list(path, None, 10).is_err(), "list {path}");
        assert!(self.files.read(path, 0, 10, None).is_err(), "read {path}");
        assert!(self.write(path, "x").is_err(), "write {path}");
        assert!(self.files.create(path, String::new(), None).is_err(), "create {path}");
        assert!(self.files.create_directory(path).is_err(), "make {path}");
        assert!(self.files.delete(path, true).is_err(), "delete {path}");
        assert!(self.files.rename("mine", path, true).is_err(), "move to {path}");
        assert!(self.files.rename(path, "theirs", true).is_err(), "move {path}");
        assert_eq!(fs::read_to_string(self.around.path().join("secret")).unwrap(), "secret");
        assert_eq!(self.content("mine"), "mine");
    }

    fn names(&self) -> Vec<String> {
        let page = self.files.list("", None, 100).unwrap();
        page.files.into_iter().map(|file| file.name).collect()
    }
}

#[test]
fn no_path_leads_out() {
    let workspace = Workspace::new();
    symlink("..", workspace.path("up")).unwrap();
    symlink("/", workspace.path("root")).unwrap();
    fs::create_dir(workspace.path("d")).unwrap();
    let absolute = workspace.around.path().join("secret");
    let long = "x".repeat(1_000_000);
    let deep = "d/../".repeat(700) + "../secret";

    for path in [
        "../secret",
        "d/../../secret",
        "up/secret",
        "up/w/../secret",
        "root/etc/passwd",
        absolute.to_str().unwrap(),
        "a\0b",
        &long,
        &"y".repeat(300),
        &deep,
        "..",
        "/",
        "up/..",
    ] {
        workspace.is_refused(path);
    }
    assert!(matches!(workspace.files.read("", 0, 1, None), Err(FileError::Path(_))));
    assert!(matches!(workspace.files.delete(".", true), Err(FileError::Path(_))));
}

#[test]
fn a_link_to_a_file_outside_is_not_followed_and_can_be_removed() {
    let workspace = Workspace::new();
    symlink("../secret", workspace.path("link")).unwrap();

    assert!(matches!(workspace.files.read("link", 0, 10, None), Err(FileError::Denied)));
    workspace.files.delete("link", false).unwrap();

    assert_eq!(fs::read_to_string(workspace.around.path().join("secret")).unwrap(), "secret");
    assert_eq!(workspace.names(), [""; 0]);
}

#[test]
fn a_link_that_changes_between_check_and_use_does_not_lead_out() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path("real")).unwrap();
    workspace.put("real/secret", "mine");
    let stop = AtomicBool::new(false);

    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (link, aside) = (workspace.path("d"), workspace.path("aside"));
            let mut outside = false;
            while !stop.load(Ordering::Relaxed) {
                symlink(if outside { ".." } else { "real" }, &aside).unwrap();
                fs::rename(&aside, &link).unwrap();
                outside = !outside;
            }
        });
        for round in 0..2_000 {
            if let Ok(read) = workspace.files.read("d/secret", 0, 100, None) {
                assert!(read.content == "mine" || read.content.starts_with("by us"), "{round}");
            }
            workspace.write("d/secret", "by us").ok();
        }
        stop.store(true, Ordering::Relaxed);
    });

    assert_eq!(fs::read_to_string(workspace.around.path().join("secret")).unwrap(), "secret");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let workspace = Workspace::new();
    let fifo = workspace.path("fifo");
    assert!(process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _socket = UnixListener::bind(workspace.path("socket")).unwrap();
    fs::create_dir(workspace.path("directory")).unwrap();

    for path in ["fifo", "socket"] {
        assert!(
            matches!(workspace.files.read(path, 0, 1, None), Err(FileError::Special)),
            "{path}"
        );
        assert!(matches!(workspace.write(path, "x"), Err(FileError::Special)), "{path}");
    }
    assert!(matches!(workspace.write("directory", "x"), Err(FileError::IsDirectory)));
    assert!(matches!(workspace.files.read("directory", 0, 1, None), Err(FileError::IsDirectory)));
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    let kinds: Vec<_> =
        workspace.files.list("", None, 10).unwrap().files.iter().map(|file| file.kind).collect();
    assert_eq!(kinds, [FileKind::Directory, FileKind::Other, FileKind::Other]);
}

#[test]
fn of_two_who_write_at_the_same_version_one_is_told() {
    let workspace = Workspace::new();
    workspace.write("f", "one").unwrap();
    let seen = workspace.files.read("f", 0, 10, None).unwrap().version;

    let write = |text: &str| workspace.files.write("f", text.to_owned(), None, Some(&seen));
    let first = write("two").unwrap();
    let second = write("three");

    assert!(matches!(second, Err(FileError::Changed)));
    assert_eq!(workspace.content("f"), "two");
    assert_ne!(first.version, seen);
    workspace.files.write("f", "four".to_owned(), None, Some(&first.version)).unwrap();
    fs::remove_file(workspace.path("f")).unwrap();
    assert!(matches!(write("five"), Err(FileError::Changed)), "what is gone has changed");
    assert_eq!(workspace.names(), [""; 0], "no draft is left");
}

#[test]
fn writing_keeps_permissions_and_links() {
    let workspace = Workspace::new();
    workspace.put("run", "old");
    fs::set_permissions(workspace.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("run", workspace.path("link")).unwrap();

    workspace.write("link", "new").unwrap();

    assert_eq!(workspace.content("run"), "new");
    let mode = fs::metadata(workspace.path("run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert!(fs::symlink_metadata(workspace.path("link")).unwrap().is_symlink());
}

#[test]
fn what_is_there_is_not_made_or_moved_over() {
    let workspace = Workspace::new();
    workspace.put("a", "a");
    workspace.put("b", "b");

    let create = |path| workspace.files.create(path, "c".to_owned(), None);
    assert!(matches!(create("a"), Err(FileError::Exists)));
    assert!(matches!(workspace.files.create_directory("a"), Err(FileError::Exists)));
    assert!(matches!(workspace.files.rename("a", "b", false), Err(FileError::Exists)));
    assert_eq!((workspace.content("a"), workspace.content("b")), ("a".into(), "b".into()));
    workspace.files.rename("a", "b", true).unwrap();
    assert_eq!(workspace.content("b"), "a");
    create("a").unwrap();
    assert_eq!(workspace.names(), ["a", "b"]);
}

#[test]
fn a_directory_is_removed_with_what_is_in_it_only_when_that_is_said() {
    let workspace = Workspace::new();
    workspace.files.create_directory("d").unwrap();
    workspace.put("d/f", "");
    symlink("../..", workspace.path("d/up")).unwrap();

    assert!(matches!(workspace.files.delete("d", false), Err(FileError::NotEmpty)));
    workspace.files.delete("d", true).unwrap();

    assert_eq!(workspace.names(), [""; 0]);
    assert!(workspace.around.path().join("secret").exists());
    assert!(matches!(workspace.files.delete("d", true), Err(FileError::NotFound)));
}

#[test]
fn a_text_is_read_in_parts_of_whole_characters_and_bytes_as_base64() {
    let workspace = Workspace::new();
    workspace.put("text", "aé漢");
    fs::write(workspace.path("bytes"), [0xff, 0, 1]).unwrap();
    let read = |path, offset, limit| workspace.files.read(path, offset, limit, None).unwrap();

    let first = read("text", 0, 5);
    let second = read("text", first.bytes, 5);
    let bytes = read("bytes", 0, 10);

    assert_eq!((first.content.as_str(), first.bytes, first.has_more), ("aé", 3, true));
    assert_eq!((second.content.as_str(), second.bytes, second.has_more), ("漢", 3, false));
    assert_eq!((bytes.content.as_str(), bytes.encoding), ("/wAB", Encoding::Base64));
    assert_eq!(read("text", 99, 5).bytes, 0);
    let as_text = workspace.files.read("bytes", 0, 10, Some(Encoding::Text));
    assert!(matches!(as_text, Err(FileError::NotText)));
}

#[test]
fn a_large_directory_is_listed_in_pages() {
    let workspace = Workspace::new();
    for number in 0..25 {
        workspace.put(&format!("f{number:02}"), "");
    }

    let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = workspace.files.list("", after.as_deref(), 10).unwrap();
        names.extend(page.files.into_iter().map(|file| file.name));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }

    assert_eq!(pages, 3);
    assert_eq!(names, (0..25).map(|number| format!("f{number:02}")).collect::<Vec<_>>());
}
