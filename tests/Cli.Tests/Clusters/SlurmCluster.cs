using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Lia.Cli.Tests;

/// <summary>A real Slurm of two nodes on this machine, with a munge and a configuration of its own under a temporary folder. Nothing of
/// it is
/// left when it is disposed.</summary>
internal sealed class SlurmCluster : IDisposable
{
    private static readonly string[] Needed = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol"];

    private readonly Dictionary<string, Process> _daemons = [];
    private readonly string _configuration;

    private SlurmCluster(string folder)
    {
        Folder = folder;
        _configuration = Path.Combine(folder, "slurm.conf");
    }

    /// <summary>Where all of it lies.</summary>
    public string Folder { get; }

    /// <summary>Which program is missing; null when none is.</summary>
    public static string? Missing => Needed.FirstOrDefault(program => Find(program) is null);

    /// <summary>Starts the daemons and waits until both nodes are idle.</summary>
    public static async Task<SlurmCluster> Start()
    {
        SlurmCluster cluster = new(Directory.CreateTempSubdirectory("lia-slurm-").FullName);
        try
        {
            string folder = cluster.Folder, host = Environment.MachineName;
            // Daemons of other users would not read it else; munged asks for a folder that only its owner writes to.
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
            string key = Path.Combine(folder, "munge.key"), socket = Path.Combine(folder, "munge.sock");
            await File.WriteAllBytesAsync(key, RandomNumberGenerator.GetBytes(1024));
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            for (int gpu = 0; gpu < 2; gpu++) await File.WriteAllTextAsync(Path.Combine(folder, $"gpu{gpu}"), "");
            Directory.CreateDirectory(Path.Combine(folder, "state"));
            int[] ports = FreePorts(3);
            await File.WriteAllTextAsync(Path.Combine(folder, "gres.conf"), $"AutoDetect=off\nName=gpu File={folder}/gpu[0-1]\n");
            await File.WriteAllTextAsync(cluster._configuration, $"""
                ClusterName=lia
                SlurmctldHost={host}(127.0.0.1)
                SlurmctldPort={ports[0]}
                SlurmUser={Environment.UserName}
                SlurmdUser={Environment.UserName}
                AuthType=auth/munge
                CredType=cred/munge
                # Jobs that are queued again wait as long as a credential lives.
                AuthInfo=socket={socket},cred_expire=5
                StateSaveLocation={folder}/state
                SlurmdSpoolDir={folder}/spool-%n
                SlurmctldPidFile={folder}/slurmctld.pid
                SlurmdPidFile={folder}/slurmd-%n.pid
                ProctrackType=proctrack/pgid
                TaskPlugin=task/none
                JobAcctGatherType=jobacct_gather/none
                AccountingStorageType=accounting_storage/none
                SelectType=select/cons_tres
                SelectTypeParameters=CR_Core
                SchedulerType=sched/builtin
                SchedulerParameters=sched_interval=1,batch_sched_delay=0
                SlurmdTimeout=30
                ReturnToService=2
                KillWait=2
                MpiDefault=none
                SwitchType=switch/none
                PlugStackConfig=/dev/null
                GresTypes=gpu
                NodeName=DEFAULT CPUs=2 CoresPerSocket=2 RealMemory=500 Gres=gpu:2 State=UNKNOWN
                NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]}
                NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]}
                PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP

                """);
            cluster.Launch("munged", "munged", "--force", "--foreground", $"--key-file={key}", $"--socket={socket}",
                $"--pid-file={folder}/munge.pid", $"--log-file={folder}/munge.log", $"--seed-file={folder}/munge.seed", "--num-threads=2");
            await Until(() => Task.FromResult(File.Exists(socket)), "munged to listen", cluster);
            cluster.Launch("slurmctld", "slurmctld", "-D", "-f", cluster._configuration);
            cluster.StartNode("n1");
            cluster.StartNode("n2");
            await Until(async () => (await cluster.Run("sinfo", "-h", "-N", "-o", "%T")).Split('\n').Count(state => state == "idle") == 2,
                "two idle nodes", cluster);
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    /// <summary>Starts a node's daemon, again if it was killed.</summary>
    public void StartNode(string node) => Launch(node, "slurmd", "-D", "-N", node, "-f", _configuration);

    /// <summary>Kills a node's daemon, with nothing of its jobs.</summary>
    public void KillNode(string node) => _daemons[node].Kill();

    /// <summary>Runs a program against the cluster and gives what it prints.</summary>
    public async Task<string> Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(Command(program, arguments))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 || program == "sinfo" ? await output
            : throw new InvalidOperationException($"{program}: {await error}");
    }

    /// <summary>Waits for something, two minutes at the most.</summary>
    public static async Task Until(Func<Task<bool>> condition, string what, SlurmCluster cluster)
    {
        Stopwatch watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(3), $"waited in vain for {what}\n{cluster.Logs()}");
            await Task.Delay(50);
        }
    }

    /// <summary>What the daemons said.</summary>
    public string Logs() => string.Join('\n', Directory.GetFiles(Folder, "*.out").Select(file =>
        $"== {Path.GetFileName(file)}\n{string.Join('\n', File.ReadLines(file).TakeLast(15))}"));

    public void Dispose()
    {
        // Jobs outlive their daemons: all that has this cluster's folder in its environment or command.
        foreach (Process daemon in _daemons.Values) End(daemon);
        foreach (Process process in Process.GetProcesses())
        {
            using (process) if (process.Id != Environment.ProcessId && IsOfCluster(process.Id)) End(process);
        }
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Directory.Delete(Folder, recursive: true);
                return;
            }
            catch (IOException) when (attempt < 20)
            {
                Thread.Sleep(100); // a step is writing its last line
            }
        }
    }

    private static void End(Process process)
    {
        try
        {
            process.Kill();
            process.WaitForExit(5000);
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }

    private bool IsOfCluster(int process)
    {
        try
        {
            return ((string[])["cmdline", "environ"]).Any(file =>
                File.ReadAllText($"/proc/{process}/{file}").Contains(Folder, StringComparison.Ordinal));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Launch(string name, string program, params string[] arguments)
    {
        Process daemon = new() { StartInfo = Command(program, arguments) };
        string path = Path.Combine(Folder, $"{name}.out");
        Lock gate = new();
        DataReceivedEventHandler keep = (_, line) =>
        {
            lock (gate) if (line.Data is not null && Directory.Exists(Folder)) File.AppendAllText(path, line.Data + "\n");
        };
        daemon.OutputDataReceived += keep;
        daemon.ErrorDataReceived += keep;
        daemon.Start();
        daemon.BeginOutputReadLine();
        daemon.BeginErrorReadLine();
        _daemons[name] = daemon;
    }

    private ProcessStartInfo Command(string program, string[] arguments)
    {
        ProcessStartInfo start = new(Path.IsPathRooted(program) ? program : Find(program)!, arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Folder,
        };
        start.Environment["SLURM_CONF"] = _configuration;
        start.Environment["LIA"] = $"dotnet {Path.Combine(AppContext.BaseDirectory, "lia.dll")}";
        return start;
    }

    private static string? Find(string program) => $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/usr/local/sbin".Split(':')
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>Ports that nobody listens on, below those that the system gives to whoever asks for any: these may be another's before
    /// they are used.</summary>
    private static int[] FreePorts(int count)
    {
        HashSet<int> ports = [];
        while (ports.Count < count)
        {
            int port = Random.Shared.Next(10_000, 32_768);
            using TcpListener listener = new(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                ports.Add(port);
            }
            catch (SocketException)
            {
                // Somebody has it.
            }
        }
        return [.. ports];
    }
}
