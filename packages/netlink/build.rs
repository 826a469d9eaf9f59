//! Prepares the addon, and compiles the XDP program where clang and libbpf's headers are; without them the addon has none
//! and says why.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: [&str; 2] = ["bpf/balancer.bpf.c", "bpf/balancer.h"];
const HEADER: &str = "/usr/include/bpf/bpf_helpers.h";

fn main() {
    napi_build::setup();
    println!("cargo:rustc-check-cfg=cfg(xdp_program)");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    match compile() {
        Ok(()) => println!("cargo:rustc-cfg=xdp_program"),
        Err(reason) => println!("cargo:rustc-env=XDP_PROGRAM_MISSING={reason}"),
    }
}

fn compile() -> Result<(), String> {
    let clang = find("clang");
    let watched = clang.as_deref().unwrap_or(Path::new("/usr/bin"));
    println!("cargo:rerun-if-changed={}", watched.display());
    let header = if Path::new(HEADER).exists() {
        HEADER
    } else {
        "/usr/include"
    };
    println!("cargo:rerun-if-changed={header}");
    let clang = clang.ok_or("built without clang (Debian package clang)")?;
    if header != HEADER {
        return Err("built without libbpf's headers (Debian package libbpf-dev)".into());
    }
    let object = PathBuf::from(env::var("OUT_DIR").map_err(|error| error.to_string())?)
        .join("balancer.bpf.o");
    let output = Command::new(clang)
        .args([
            "-O2", "-g", "-target", "bpf", "-Wall", "-Werror", "-c", SOURCES[0],
        ])
        .args(["-I", &kernel_headers()?, "-o"])
        .arg(object)
        .output()
        .map_err(|error| format!("clang did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let reason = text.lines().next().unwrap_or("no reason given").to_owned();
    println!("cargo:warning=the XDP program was not compiled: {reason}");
    Err(format!("the XDP program was not compiled: {reason}"))
}

/// Debian keeps the headers that depend on the architecture in a folder of its name.
fn kernel_headers() -> Result<String, String> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").map_err(|error| error.to_string())?;
    Ok(format!("/usr/include/{architecture}-linux-gnu"))
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|path| path.exists())
}
