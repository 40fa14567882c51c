# SPDX-License-Identifier: Apache-2.0
[inputs: ["mix.exs", ".formatter.exs", "elixir/{lib,test}/**/*.{ex,exs}"]]
