# SPDX-License-Identifier: Apache-2.0
defmodule Calc.MixProject do
  use Mix.Project

  def project do
    [
      app: :calc,
      version: "1.0.0",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: [{:seccomp, seccomp()}],
      releases: [calc: [include_executables_for: [:unix]]]
    ]
  end

  def application, do: [mod: {Calc.Application, []}]

  # A project of yours writes `git: "URL", tag: "TAG"`. This one takes the
  # repository and the commit from the environment, or else those of the clone
  # that this directory is part of.
  defp seccomp do
    git = System.get_env("SECCOMP_GIT") || "file://" <> Path.expand("../..", __DIR__)
    [git: git, ref: System.get_env("SECCOMP_REF") || head()]
  end

  defp head do
    {ref, 0} = System.cmd("git", ["rev-parse", "HEAD"], cd: __DIR__)
    String.trim(ref)
  end
end
