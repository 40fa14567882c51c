# SPDX-License-Identifier: Apache-2.0
defmodule SeccompBehavioursTest do
  use ExUnit.Case, async: true

  import Seccomp.Test.Isolated
  import Seccomp.Test.Restricted

  # Elixir's processes under policies: what a restricted process starts, and
  # what serves it while restricted itself.
  @moduletag :enforced

  defmodule Counter do
    use GenServer

    def start_link(options), do: GenServer.start_link(__MODULE__, options)

    @impl true
    def init(options) do
      if policy = options[:policy], do: Seccomp.set_policy!(self(), policy)
      {:ok, 0}
    end

    @impl true
    def handle_call({:add, n}, _from, count), do: {:reply, count + n, count + n}
    def handle_call(:env, _from, count), do: {:reply, System.get_env("HOME"), count}

    def handle_call(:later, from, count) do
      Process.send_after(self(), {:reply, from}, 1)
      {:noreply, count}
    end

    @impl true
    def handle_cast({:tell, pid}, count) do
      send(pid, {:count, count})
      {:noreply, count}
    end

    @impl true
    def handle_info({:reply, from}, count) do
      GenServer.reply(from, {:later, count})
      {:noreply, count}
    end
  end

  defp start!({:ok, pid}), do: pid

  defp whitelist(groups, options \\ []) do
    Seccomp.compile!([mode: :whitelist, rules: [__MODULE__, Counter | groups]] ++ options)
  end

  defp env do
    System.get_env("HOME")
  catch
    :error, {:seccomp, mfa} -> {:denied, mfa}
  end

  @denied {:denied, {System, :get_env, 1}}

  describe "Task" do
    isolated "a restricted process starts tasks that are restricted" do
      policy = whitelist([:"@elixir_task"])

      assert run(policy, fn ->
               task = Task.async(fn -> {Enum.sum([1, 2]), env()} end)
               Task.await(task, 20_000)
             end) == {3, @denied}

      assert run(policy, fn ->
               tasks = for n <- 1..3, do: Task.async(fn -> n end)
               Task.await_many(tasks, 20_000)
             end) == [1, 2, 3]

      assert run(policy, fn ->
               task = Task.async(fn -> Process.sleep(:infinity) end)
               {Task.yield(task, 1), Task.shutdown(task, :brutal_kill)}
             end) == {nil, nil}

      assert run(policy, fn ->
               parent = self()
               {:ok, _} = Task.start_link(fn -> send(parent, {:env, env()}) end)
               receive do: ({:env, answer} -> answer)
             end) == @denied
    end

    isolated "async_stream sends to what its child starts" do
      stream = fn ->
        1..3
        |> Task.async_stream(&{&1 * 2, env()}, timeout: 20_000, max_concurrency: 2)
        |> Enum.to_list()
      end

      assert run(whitelist([:"@elixir_task"]), stream) == {:denied, {:erlang, :send, 2}}

      assert run(whitelist([:"@elixir_task"], send: :any), stream) ==
               for(n <- [2, 4, 6], do: {:ok, {n, @denied}})
    end

    isolated "it may not start one when the policy says so" do
      start = fn -> Task.async(fn -> :ok end) end
      assert run(whitelist([:"@elixir_server"]), start) == {:denied, {Task, :async, 1}}

      assert {:denied, {:erlang, spawn, _}} =
               run(whitelist([:"@elixir_task"], spawn: :deny), start)

      assert spawn in [:spawn_link, :spawn_opt]

      black = Seccomp.compile!(mode: :blacklist, rules: [], spawn: :deny)
      assert {:denied, {:erlang, _, _}} = run(black, start)
    end

    isolated "a trusted process can put a task under a policy" do
      policy = Seccomp.compile!(mode: :blacklist, rules: [System])

      task =
        Task.async(fn ->
          Seccomp.set_policy!(self(), policy)
          env()
        end)

      assert Task.await(task, 20_000) == @denied
      assert is_binary(System.get_env("PATH"))
    end
  end

  describe "GenServer" do
    isolated "a server that is restricted itself serves" do
      {:ok, server} = GenServer.start(Counter, policy: whitelist([:"@elixir_server"]))
      assert %{mode: :whitelist} = Seccomp.info(server)
      assert GenServer.call(server, {:add, 2}) == 2
      assert GenServer.call(server, :later) == {:later, 2}
      assert :sys.get_state(server) == 2

      # Its report of the crash is denied, too, so the reason names that.
      assert {{{:seccomp, _}, _}, _} = catch_exit(GenServer.call(server, :env))
      assert [%{mfa: {System, :get_env, 1}} | _] = Seccomp.violations(server).ring
      refute Process.alive?(server)
    end

    isolated "it can be stopped where it may call what proc_lib calls then" do
      ending = [{:erlang, :process_info, 2}, {:erlang, :list_to_atom, 1}]

      for {more, reason} <- [{[], :denied}, {ending, :normal}] do
        {:ok, server} = GenServer.start(Counter, policy: whitelist([:"@elixir_server" | more]))
        ref = Process.monitor(server)
        assert GenServer.call(server, {:add, 1}) == 1
        catch_exit(exit(GenServer.stop(server)))
        assert_receive {:DOWN, ^ref, :process, ^server, ended}, 20_000
        assert {reason, ended == :normal} == {reason, reason == :normal}
      end
    end

    isolated "it sends to whom the policy lets it" do
      for {send, answer} <- [{[:parent, :replies], :denied}, {[:parent, :replies, self()], 0}] do
        {:ok, server} =
          spawn_parent(fn ->
            GenServer.start(Counter, policy: whitelist([:"@elixir_server"], send: send))
          end)

        ref = Process.monitor(server)
        GenServer.cast(server, {:tell, self()})

        if answer == :denied do
          assert_receive {:DOWN, ^ref, :process, ^server, {{:seccomp, _}, _}}, 20_000
          assert [%{mfa: {:erlang, :send, 2}} | _] = Seccomp.violations(server).ring
          refute_received {:count, _}
        else
          assert_receive {:count, ^answer}, 20_000
          assert GenServer.call(server, {:add, 1}) == 1
        end
      end
    end

    # So that the caller is not the parent of what the fun starts.
    defp spawn_parent(fun) do
      {pid, ref} = spawn_monitor(fn -> exit({:started, fun.()}) end)
      assert_receive {:DOWN, ^ref, :process, ^pid, {:started, started}}, 20_000
      started
    end

    isolated "a restricted client calls a trusted server that it may send to" do
      server = start!(Counter.start_link([]))
      send = [:self, :parent, :children, :replies, server]
      policy = whitelist([:"@elixir_server"], send: send)
      assert run(policy, fn -> GenServer.call(server, {:add, 5}, 20_000) end) == 5
      assert run(policy, fn -> GenServer.call(server, :later, 20_000) end) == {:later, 5}

      none = whitelist([:"@elixir_server"])
      assert {:denied, {:erlang, _, _}} = run(none, fn -> GenServer.call(server, {:add, 1}) end)
      assert GenServer.call(server, {:add, 0}) == 5
    end

    isolated "a restricted process starts servers that are restricted" do
      policy = whitelist([:"@elixir_supervisor"])

      assert run(policy, fn ->
               {:ok, server} = GenServer.start(Counter, [])
               sum = GenServer.call(server, {:add, 1}, 20_000)

               try do
                 GenServer.call(server, :env, 20_000)
               catch
                 :exit, {{{:seccomp, _}, _stack}, _call} -> {sum, :denied}
               end
             end) == {1, :denied}
    end
  end

  describe "Agent" do
    isolated "a restricted agent runs what it is sent under its own policy" do
      {:ok, agent} = Agent.start(fn -> 1 end)
      Seccomp.set_policy!(agent, whitelist([:"@elixir_server"]))
      assert Agent.get(agent, & &1) == 1
      assert Agent.update(agent, &(&1 + 1)) == :ok
      assert Agent.get(agent, fn _ -> env() end) == @denied
      assert Agent.get(agent, & &1) == 2
      Process.exit(agent, :kill)
    end
  end

  describe "supervisors" do
    isolated "a restricted process starts a DynamicSupervisor, whose children are restricted" do
      policy = whitelist([:"@elixir_supervisor"], send: :any)

      assert run(policy, fn ->
               {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
               {:ok, server} = DynamicSupervisor.start_child(supervisor, {Counter, []})
               parent = self()
               task = {Task, fn -> send(parent, {:env, env()}) end}
               {:ok, _} = DynamicSupervisor.start_child(supervisor, task)
               env = receive do: ({:env, answer} -> answer)
               sum = GenServer.call(server, {:add, 7}, 20_000)
               :ok = DynamicSupervisor.terminate_child(supervisor, server)
               {env, sum, DynamicSupervisor.which_children(supervisor)}
             end) == {@denied, 7, []}
    end

    isolated "without a rule for sending it reaches its own children only" do
      policy = whitelist([:"@elixir_supervisor"])

      assert run(policy, fn ->
               {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
               {:ok, server} = DynamicSupervisor.start_child(supervisor, {Counter, []})
               GenServer.call(server, {:add, 7}, 20_000)
             end) == {:denied, {:erlang, :send, 3}}
    end

    isolated "a restricted process starts a Supervisor, whose progress nobody wants to read" do
      :ok = :logger.set_module_level([:supervisor], :notice)
      policy = whitelist([:"@elixir_supervisor"], send: :any)

      assert run(policy, fn ->
               {:ok, supervisor} = Supervisor.start_link([{Counter, []}], strategy: :one_for_one)
               [{Counter, server, :worker, _}] = Supervisor.which_children(supervisor)
               sum = GenServer.call(server, {:add, 3}, 20_000)
               :ok = Supervisor.terminate_child(supervisor, Counter)
               {:ok, again} = Supervisor.restart_child(supervisor, Counter)
               {sum, GenServer.call(again, {:add, 1}, 20_000)}
             end) == {3, 1}

      :ok = :logger.unset_module_level(:supervisor)
    end

    isolated "and a Task.Supervisor" do
      start = fn ->
        {:ok, supervisor} = Task.Supervisor.start_link()
        task = Task.Supervisor.async(supervisor, fn -> env() end)
        Task.await(task, 20_000)
      end

      assert run(whitelist([:"@elixir_supervisor"], send: :any), start) == @denied
      # The task is a child of the supervisor.
      assert run(whitelist([:"@elixir_supervisor"]), start) == {:denied, {:erlang, :link, 1}}
    end

    isolated "a supervisor that is restricted serves trusted callers, its children restricted" do
      supervisor = start!(DynamicSupervisor.start_link(strategy: :one_for_one))
      tasks = start!(Task.Supervisor.start_link())
      policy = Seccomp.compile!(mode: :blacklist, rules: [System])
      for pid <- [supervisor, tasks], do: Seccomp.set_policy!(pid, policy)
      test = self()

      {:ok, _} =
        DynamicSupervisor.start_child(supervisor, {Task, fn -> send(test, {:env, env()}) end})

      assert_receive {:env, @denied}, 20_000
      assert Task.await(Task.Supervisor.async(tasks, &env/0), 20_000) == @denied

      {:ok, counter} = DynamicSupervisor.start_child(supervisor, {Counter, []})
      assert GenServer.call(counter, {:add, 1}) == 1
      assert %{mode: :blacklist} = Seccomp.info(counter)
    end

    isolated "a trusted supervisor starts for a restricted client what is restricted" do
      supervisor = start!(Task.Supervisor.start_link())
      policy = Seccomp.compile!(mode: :blacklist, rules: [System])

      assert run(policy, fn ->
               Task.await(Task.Supervisor.async_nolink(supervisor, fn -> env() end), 20_000)
             end) == @denied

      Seccomp.forget_origin!()
      refute Task.await(Task.Supervisor.async_nolink(supervisor, &env/0), 20_000) == @denied
    end
  end
end
