# SPDX-License-Identifier: Apache-2.0
[
  inputs: ["mix.exs", "{lib,test}/**/*.{ex,exs}"]
]
