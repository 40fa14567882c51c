# SPDX-License-Identifier: Apache-2.0
defmodule SeccompDocTest do
  use ExUnit.Case, async: true

  @moduletag :enforced

  doctest Seccomp, import: false
  doctest Seccomp.Policy
  doctest Seccomp.Rules
  doctest Seccomp.SeccompError
end
