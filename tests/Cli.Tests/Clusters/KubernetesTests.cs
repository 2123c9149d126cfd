using System.Diagnostics;
using k8s;
using k8s.Models;

namespace Lia.Cli.Tests;

/// <summary>deploy/kubernetes says what the API's schema has, and what the contract asks for.</summary>
public sealed class KubernetesTests
{
    private static readonly Dictionary<string, Type> Kinds = new()
    {
        ["batch/v1/Job"] = typeof(V1Job),
        ["v1/PersistentVolumeClaim"] = typeof(V1PersistentVolumeClaim),
    };

    private static string Folder => Path.Combine(DocumentationTests.Root, "deploy", "kubernetes");

    public static TheoryData<string> Files => [.. Directory.GetFiles(Folder).Select(file => Path.GetFileName(file)!)];

    private static List<object> Load(string text) => KubernetesYaml.LoadAllFromString(text, Kinds, strict: true);

    private static V1Job Job(string name) =>
        Assert.IsType<V1Job>(Assert.Single(Load(File.ReadAllText(Path.Combine(Folder, $"{name}.yaml")))));

    [Theory, MemberData(nameof(Files))]
    public void Every_file_is_of_the_schema(string file)
    {
        string text = File.ReadAllText(Path.Combine(Folder, file));
        IKubernetesObject<V1ObjectMeta> read = Assert.IsAssignableFrom<IKubernetesObject<V1ObjectMeta>>(Assert.Single(Load(text)));
        Assert.StartsWith("lia-", read.Metadata.Name);
        // A field that is none is found, also deep within.
        Assert.ThrowsAny<Exception>(() => Load(text.Replace("spec:\n", "spec:\n  completonMode: Indexed\n", StringComparison.Ordinal)));
        if (read is V1Job) Assert.ThrowsAny<Exception>(() => Load(text.Replace("restartPolicy:", "restartPolcy:",
            StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("lia-batch", true)]
    [InlineData("lia-pack", false)]
    public void A_shard_is_an_index_that_fails_for_good_by_bad_input_only(string name, bool hasGpu)
    {
        V1JobSpec spec = Job(name).Spec;
        Assert.Equal("Indexed", spec.CompletionMode);
        Assert.True(spec.BackoffLimitPerIndex > 0 && spec.BackoffLimit is null && spec.MaxFailedIndexes is null);
        // What a limit for each index and a policy ask for.
        Assert.Equal("Never", spec.Template.Spec.RestartPolicy);
        V1PodFailurePolicyRule failing = Assert.Single(spec.PodFailurePolicy.Rules, rule => rule.Action == "FailIndex");
        Assert.Equal("In", failing.OnExitCodes.OperatorProperty);
        Assert.Equal([ExitCode.BadInput, ExitCode.BadRows], failing.OnExitCodes.Values);
        V1Container container = Assert.Single(spec.Template.Spec.Containers);
        Assert.Equal(container.Name, failing.OnExitCodes.ContainerName);
        Assert.Equal(hasGpu ? ["1"] : [], container.Resources.Limits.Where(limit => limit.Key == "nvidia.com/gpu")
            .Select(limit => limit.Value.ToString()));
        Assert.Equal($"{spec.Completions}", container.Env.Single(variable => variable.Name == "SHARDS").Value);
        V1PersistentVolumeClaim claim = Assert.IsType<V1PersistentVolumeClaim>(Assert.Single(Load(File.ReadAllText(Path.Combine(Folder,
            "lia-data.yaml")))));
        Assert.Equal(claim.Metadata.Name, Assert.Single(spec.Template.Spec.Volumes).PersistentVolumeClaim.ClaimName);
        Assert.Equal(["ReadWriteMany"], claim.Spec.AccessModes);
    }

    [Theory]
    [InlineData("lia-batch", "batch --manifest DATA/manifest.csv", "status", "manifest.csv: there is no such file")]
    [InlineData("lia-pack", "train pack DATA/clips -o DATA/packs/faces.liapack --size 256", "pack-status",
        "clips: there is no such file or folder")]
    public async Task What_a_pod_runs_is_its_shard(string name, string command, string status, string problem)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pods have a shell of Unix");
        string folder = Directory.CreateTempSubdirectory("lia-pod-").FullName;
        try
        {
            string lia = Path.Combine(folder, "lia");
            await File.WriteAllTextAsync(lia, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n", TestContext.Current.CancellationToken);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(lia,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            V1Container container = Job(name).Spec.Template.Spec.Containers[0];
            ProcessStartInfo start = new(container.Command[0],
                [.. container.Command.Skip(1), .. container.Args]) { RedirectStandardOutput = true };
            foreach (V1EnvVar variable in container.Env) start.Environment[variable.Name] = variable.Value;
            (start.Environment["DATA"], start.Environment["JOB_COMPLETION_INDEX"]) = (folder, "3");
            start.Environment["PATH"] = $"{folder}:{start.Environment["PATH"]}";
            using Process pod = Process.Start(start)!;
            string[] arguments = (await pod.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).TrimEnd('\n').Split('\n');
            await pod.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, pod.ExitCode);
            string[] expected = [.. command.Replace("DATA", folder, StringComparison.Ordinal).Split(' '), "--shard", "4/100", "--status",
                $"{folder}/{status}/3.jsonl"];
            Assert.Equal(expected, arguments[..expected.Length]);
            // The program understands all of it; there is no such data.
            Outcome outcome = CliRunner.Run(arguments);
            Assert.Equal(ExitCode.BadInput, outcome.Status);
            Assert.Contains(problem, outcome.Error);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
