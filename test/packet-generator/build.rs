//! Compiles the program that makes the frames, where clang and libbpf's headers are; without them there is no generator.

use std::env;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "bpf/generator.bpf.c";
const NEEDED: [&str; 2] = ["/usr/bin/clang", "/usr/include/bpf/bpf_helpers.h"];

fn main() {
    println!("cargo:rustc-check-cfg=cfg(generator)");
    println!("cargo:rerun-if-changed={SOURCE}");
    for file in NEEDED {
        let watched = if Path::new(file).exists() {
            file
        } else {
            "/usr/bin"
        };
        println!("cargo:rerun-if-changed={watched}");
    }
    if NEEDED.iter().all(|file| Path::new(file).exists()) && compile() {
        println!("cargo:rustc-cfg=generator");
    }
}

fn compile() -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    Command::new(NEEDED[0])
        .args([
            "-O2", "-g", "-target", "bpf", "-Wall", "-Werror", "-c", SOURCE, "-I",
        ])
        .arg(format!(
            "/usr/include/{}-linux-gnu",
            variable("CARGO_CFG_TARGET_ARCH")
        ))
        .args(["-o", &format!("{}/generator.bpf.o", variable("OUT_DIR"))])
        .status()
        .is_ok_and(|status| status.success())
}
