# SPDX-License-Identifier: Apache-2.0
defmodule Seccomp.Test.Plugins do
  @moduledoc "A policy module of the project, for `mix seccomp.check` to find."

  use Seccomp.Policy,
    mode: :whitelist,
    rules: [:"@elixir_pure", Seccomp.Test.Point],
    spawn: :deny
end
