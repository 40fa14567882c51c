# SPDX-License-Identifier: Apache-2.0
#
# An overlay for nixpkgs: its Erlang/OTP 25 and 27, patched before they are
# configured. A release that the patches do not fit ends the build.
#
#   import <nixpkgs> { overlays = [ (import packaging/nix/overlay.nix) ]; }
final: prev:
let
  patches = builtins.path {
    name = "seccomp-otp-patches";
    path = ../../otp_patches;
  };
  patched = erlang: erlang.overrideAttrs (old: {
    nativeBuildInputs = (old.nativeBuildInputs or [ ])
      ++ [ final.gawk final.util-linux ];
    postPatch = ''
      ${final.bash}/bin/bash ${patches}/otp apply .
      rm -r .seccomp-patches
    '' + (old.postPatch or "");
  });
in {
  erlang_25_seccomp = patched prev.erlang_25;
  erlang_27_seccomp = patched prev.erlang_27;
}
