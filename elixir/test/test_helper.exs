# SPDX-License-Identifier: Apache-2.0
# What an emulator without the patch cannot do is tested on one that can, and
# the other way round.
excluded =
  case Seccomp.enforcement() do
    %{status: :enforced} -> [:stock]
    %{status: :unsupported} -> [:enforced]
  end

# What restricted processes die of is what the tests are about. A machine that
# does other things meanwhile fails no test.
ExUnit.start(
  exclude: excluded,
  capture_log: true,
  assert_receive_timeout: 20_000,
  timeout: 300_000
)
