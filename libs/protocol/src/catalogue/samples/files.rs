//! Samples about files.

use super::{agent, at, connection, viewer};
use crate::agents::{
    CreateDirectory, CreateFile, DeleteFile, Encoding, FileContent, FileInfo, FileKind, FileUpdate,
    FileUpdateNotification, FileWritten, Files, ListFiles, MoveFile, ReadFile, WriteFile,
};
use crate::catalogue::shape::Sampled;

const VERSION: &str = "2a41-18dcf2a1b7c3e5f0-9";

impl Sampled for ListFiles {
    fn samples() -> Vec<(&'static str, Self)> {
        let next = Self {
            agent_id: Some(agent()),
            path: "sums".into(),
            after: Some("first.txt".into()),
            limit: Some(100),
        };
        vec![("the workspace", Self::default()), ("the next page of a directory", next)]
    }
}

impl Sampled for Files {
    fn samples() -> Vec<(&'static str, Self)> {
        let file = FileInfo {
            name: "first.txt".into(),
            kind: FileKind::File,
            size: 9,
            modified_at: Some(at(1_200)),
        };
        let pipe =
            FileInfo { name: "pipe".into(), kind: FileKind::Other, size: 0, modified_at: None };
        let next = Some("pipe".into());
        vec![("two of many", Self { files: vec![file, pipe], next })]
    }
}

impl Sampled for ReadFile {
    fn samples() -> Vec<(&'static str, Self)> {
        let whole = Self {
            agent_id: Some(agent()),
            path: "sums/first.txt".into(),
            offset: None,
            limit: None,
            encoding: None,
        };
        let part = Self {
            offset: Some(4),
            limit: Some(4),
            encoding: Some(Encoding::Base64),
            ..whole.clone()
        };
        vec![("the beginning", whole), ("a part, as base64", part)]
    }
}

impl Sampled for FileContent {
    fn samples() -> Vec<(&'static str, Self)> {
        let whole = Self {
            content: "1 + 1 = 2".into(),
            encoding: Encoding::Text,
            offset: 0,
            bytes: 9,
            size: 9,
            version: VERSION.into(),
            has_more: false,
        };
        let part = Self {
            content: "MSA9IA==".into(),
            encoding: Encoding::Base64,
            offset: 4,
            bytes: 4,
            has_more: true,
            ..whole.clone()
        };
        vec![("all of it", whole), ("a part, as base64", part)]
    }
}

impl Sampled for WriteFile {
    fn samples() -> Vec<(&'static str, Self)> {
        let anew = Self {
            agent_id: Some(agent()),
            path: "sums/first.txt".into(),
            content: "1 + 1 = 2".into(),
            encoding: None,
            expected_version: None,
        };
        let edited = Self { expected_version: Some(VERSION.into()), ..anew.clone() };
        vec![("whatever is there", anew), ("in the place of what was read", edited)]
    }
}

impl Sampled for CreateFile {
    fn samples() -> Vec<(&'static str, Self)> {
        let empty = Self {
            agent_id: Some(agent()),
            path: "empty".into(),
            content: String::new(),
            encoding: None,
        };
        let bytes =
            Self { content: "AAE=".into(), encoding: Some(Encoding::Base64), ..empty.clone() };
        vec![("empty", empty), ("two bytes", bytes)]
    }
}

impl Sampled for FileWritten {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("written", Self { size: 9, version: VERSION.into() })]
    }
}

impl Sampled for CreateDirectory {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("a directory", Self { agent_id: Some(agent()), path: "sums".into() })]
    }
}

impl Sampled for DeleteFile {
    fn samples() -> Vec<(&'static str, Self)> {
        let file = Self { agent_id: Some(agent()), path: "empty".into(), recursive: false };
        let all = Self { path: "sums".into(), recursive: true, ..file.clone() };
        vec![("a file", file), ("a directory with all in it", all)]
    }
}

impl Sampled for MoveFile {
    fn samples() -> Vec<(&'static str, Self)> {
        let aside = Self {
            agent_id: Some(agent()),
            from: "sums/first.txt".into(),
            to: "first.txt".into(),
            overwrite: false,
        };
        let over = Self { overwrite: true, ..aside.clone() };
        vec![("to where nothing is", aside), ("over what is there", over)]
    }
}

impl Sampled for FileUpdate {
    fn samples() -> Vec<(&'static str, Self)> {
        let file_path = "sums/first.txt".into();
        vec![("a file", Self { agent_id: Some(agent()), file_path })]
    }
}

impl Sampled for FileUpdateNotification {
    fn samples() -> Vec<(&'static str, Self)> {
        let notification = Self {
            agent_id: agent(),
            file_path: "sums/first.txt".into(),
            viewer_id: Some(viewer()),
            user: Some("ann".into()),
            sender: Some(connection()),
            timestamp: at(1_300),
        };
        vec![("a file", notification)]
    }
}
