//! A part of a large file, and many small files.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use super::{AGE_KEY, Bench, Measure, RCLONE};

/// Small files, and the bytes of each.
const FILES: u32 = 1000;
const LENGTH: u32 = 64 << 10;

impl Bench {
    /// Compares the decryption of a part of a file.
    pub fn part_of_a_file(&self) {
        let (first, last) = (self.bytes / 2 + 1, self.bytes / 2 + (64 << 10));
        let ours = self.ours("decrypt", &format!("--range {first}-{last} f.reel -o o"));
        let plain = self.timed(&format!("tail -c +{} f | head -c 64K >o", first + 1));
        self.compare(
            "64 KiB from the middle to new file",
            "tail and head of the plain file (time)",
            Measure::Time,
            &ours,
            &plain,
        );
        if !self.has("rclone") {
            return self.missing("64 KiB from the middle to new file", "rclone");
        }
        self.shell(&format!("test -e crypt || rclone copyto f :crypt:f {RCLONE}"));
        let rclone = self.timed(&format!("rclone cat --offset {first} --count 65536 :crypt:f {RCLONE} >o"));
        self.compare(
            "64 KiB from the middle to new file",
            "rclone cat, crypt (throughput)",
            Measure::Throughput,
            &ours,
            &rclone,
        );
    }

    /// Compares the encryption of many small files.
    pub fn small_files(&self) {
        let work = format!("{FILES} files of {} KiB to a new folder", LENGTH >> 10);
        fs::create_dir(self.path("small")).unwrap();
        let (file, mut bytes) = (File::open(self.path("f")).unwrap(), vec![0; LENGTH as usize]);
        for number in 0..FILES {
            file.read_exact_at(&mut bytes, u64::from(number * LENGTH) % (self.bytes - u64::from(LENGTH))).unwrap();
            fs::write(self.path(&format!("small/{number}")), &bytes).unwrap();
        }
        let ours = self.timed("\"$reelseal\" encrypt -q --key-file key --recursive small --output-dir o");
        self.compare(&work, "cp -r (time)", Measure::Time, &ours, &self.timed("cp -r small o"));
        if self.has("age") {
            self.shell(AGE_KEY);
            let age = self
                .timed("mkdir o; for file in small/*; do age -r $(cat age.pub) \"$file\" >o/\"${file##*/}\".age; done");
            self.compare(&work, "age -r, one after the other (throughput)", Measure::Throughput, &ours, &age);
        }
        match self.has("rclone") {
            true => {
                let options = RCLONE.replace("crypt\"", "o\"");
                let rclone = self.timed(&format!("rclone copy small :crypt: {options}"));
                self.compare(&work, "rclone copy, crypt (throughput)", Measure::Throughput, &ours, &rclone);
            }
            false => self.missing(&work, "rclone"),
        }
        if !self.has("gocryptfs") {
            return self.missing(&work, "gocryptfs");
        }
        self.shell(
            "mkdir kept mounted && echo secret >secret && gocryptfs -q -init -scryptn 10 -passfile secret kept && \
             gocryptfs -q -passfile secret kept mounted",
        );
        // Each run copies to another folder.
        let gocryptfs = self.timed("cp -r small mounted/$$");
        self.compare(&work, "cp -r to gocryptfs (throughput)", Measure::Throughput, &ours, &gocryptfs);
        self.shell("fusermount3 -u mounted");
    }
}
