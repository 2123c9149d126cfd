using System.Text;
using System.Text.Json;
using Lia.Testing;

namespace Lia.Weights.Tests;

/// <summary>Checkpoints as trainers leave them: names before the names, several generators, several files.</summary>
public class GeneratorChoiceTests
{
    /// <summary>The first letters of a generator: enough to be known as one, small enough to be written often.</summary>
    private static readonly (string Name, int Elements)[] Parts =
        [("dec.direction.weight", 6), ("dec.input.input", 4), ("enc.fc.0.weight", 9), ("enc.fc.0.bias", 3)];

    /// <summary>A safetensors file with the parts after each prefix; element i of part p of prefix k is 100 k + 10 p + i.</summary>
    private static byte[] Safetensors(params (string Prefix, int Seed)[] prefixes) =>
        Safetensors(prefixes.SelectMany(prefix => Parts.Select((part, p) => (prefix.Prefix + part.Name, Values(prefix.Seed, p)))));

    private static byte[] Safetensors(IEnumerable<(string Name, float[] Values)> tensors)
    {
        List<string> entries = [];
        List<byte> data = [];
        foreach ((string name, float[] values) in tensors)
        {
            int begin = data.Count;
            foreach (float value in values) data.AddRange(BitConverter.GetBytes(value));
            entries.Add(SafetensorsBuilder.Tensor(JsonSerializer.Serialize(name), "F32", $"[{values.Length}]", $"[{begin},{data.Count}]"));
        }
        return SafetensorsBuilder.File(Encoding.UTF8.GetBytes($"{{{string.Join(',', entries)}}}"), [.. data]);
    }

    private static float[] Values(int seed, int part) =>
        [.. Enumerable.Range(0, Parts[part].Elements).Select(i => 100f * seed + 10 * part + i)];

    /// <summary>
    /// A PyTorch file in which each path, its words parted by slashes, leads through dictionaries, and its last word stands before the
    /// names.
    /// </summary>
    private static byte[] PyTorch(params (string Path, int Seed)[] paths)
    {
        PickleBuilder pickle = new();
        List<Member> members = [];
        pickle.Op('}');
        foreach ((string path, int seed) in paths)
        {
            string[] words = path.Split('/');
            foreach (string word in words[..^1]) pickle.Text(word).Op('}');
            for (int p = 0; p < Parts.Length; p++)
            {
                string key = $"{members.Count}";
                float[] values = Values(seed, p);
                pickle.Text(words[^1] + Parts[p].Name).Tensor("FloatStorage", key, values.Length, 0, [values.Length], [1]).Op('s');
                members.Add(new($"a/data/{key}", [.. values.SelectMany(BitConverter.GetBytes)]));
            }
            foreach (string _ in words[..^1]) pickle.Op('s');
        }
        return ZipBuilder.Zip([new("a/data.pkl", pickle.End()), .. members]);
    }

    private static void AssertIs(int seed, string location, ITensorSource checkpoint)
    {
        Assert.Equal(location, checkpoint.Location);
        Assert.Equal(Parts.Select(part => part.Name).Order(), checkpoint.Tensors.Keys.Order());
        for (int p = 0; p < Parts.Length; p++)
        {
            Assert.Equal(Parts[p].Name, checkpoint.Tensors[Parts[p].Name].Name);
            Assert.Equal(Values(seed, p), checkpoint.Read(Parts[p].Name));
            Assert.Equal(Values(seed, p), checkpoint.View(Parts[p].Name).ToArray());
            byte[] bytes = new byte[4 * Parts[p].Elements];
            checkpoint.CopyBytesTo(Parts[p].Name, bytes);
            Assert.Equal(Values(seed, p).SelectMany(BitConverter.GetBytes), bytes);
        }
        Assert.Contains("no tensor 'other'", Assert.Throws<WeightsException>(() => checkpoint.Read("other")).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("gen.")]
    [InlineData("module.")]
    [InlineData("_orig_mod.")]
    [InlineData("g_ema.")]
    [InlineData("state_dict.")]
    [InlineData("state_dict.gen._orig_mod.module.")]
    [InlineData("whatever.they.called.it.")]
    public void What_stands_before_all_names_is_taken_off_and_told(string prefix)
    {
        using TemporaryFile safetensors = new(Safetensors((prefix, 7)), ".safetensors");
        using (ITensorSource checkpoint = Checkpoint.Open(safetensors.Path)) AssertIs(7, prefix.TrimEnd('.'), checkpoint);
        // As names in one dictionary, and as dictionaries in each other.
        foreach (string path in (string[])[prefix, prefix.Replace('.', '/')])
        {
            using TemporaryFile pyTorch = new(PyTorch((path, 7)), ".pt");
            using ITensorSource checkpoint = Checkpoint.Open(pyTorch.Path);
            AssertIs(7, prefix.TrimEnd('.'), checkpoint);
            Assert.Equal("PyTorch", checkpoint.Format);
        }
    }

    [Theory]
    [InlineData(null, 1, "gen")]
    [InlineData("gen", 1, "gen")]
    [InlineData("g_ema", 2, "g_ema.module")]
    [InlineData("module", 2, "g_ema.module")]
    [InlineData("g_ema.module", 2, "g_ema.module")]
    public void Of_several_generators_the_one_named_is_taken(string? wanted, int seed, string location)
    {
        using TemporaryFile safetensors = new(Safetensors(("gen.", 1), ("g_ema.module.", 2)), ".safetensors"),
            pyTorch = new(PyTorch(("gen/", 1), ("g_ema/module.", 2)), ".pt");
        foreach (string path in (string[])[safetensors.Path, pyTorch.Path])
        {
            using ITensorSource checkpoint = Checkpoint.Open(path, wanted);
            AssertIs(seed, location, checkpoint);
        }
    }

    [Fact]
    public void Several_generators_without_a_name_are_refused_and_named()
    {
        using TemporaryFile safetensors =
            new(Safetensors(("g.", 1), ("g_ema.", 2)), ".safetensors"), pyTorch = new(PyTorch(("g/", 1), ("g_ema/", 2)), ".pt");
        foreach (string path in (string[])[safetensors.Path, pyTorch.Path])
        {
            Assert.EndsWith(": it holds 2 generators: 'g', 'g_ema'; say which is wanted (--weights NAME)",
                Assert.Throws<WeightsException>(() => Checkpoint.Open(path)).Message);
            Assert.EndsWith(": there is no generator called 'e' in it; there is 'g', 'g_ema'",
                Assert.Throws<WeightsException>(() => Checkpoint.Open(path, "e")).Message);
            using ITensorSource checkpoint = Checkpoint.Open(path, "g");
            AssertIs(1, "g", checkpoint);
        }
    }

    /// <summary>What is no generator keeps its names, whatever they begin with.</summary>
    [Fact]
    public void Other_networks_are_left_as_they_are()
    {
        using TemporaryFile file = new(Safetensors([("module.features.0.weight", [1f]), ("module.features.0.bias", [2f])]), ".safetensors");
        using ITensorSource checkpoint = Checkpoint.Open(file.Path);
        Assert.Equal("", checkpoint.Location);
        Assert.Equal(["module.features.0.bias", "module.features.0.weight"], checkpoint.Tensors.Keys.Order());
        using ITensorSource golden = Checkpoint.Open(TestData.Unpack("net64.safetensors"));
        Assert.IsType<SafetensorsFile>(golden);
        Assert.EndsWith("there is none", Assert.Throws<WeightsException>(() => Checkpoint.Open(file.Path, "g_ema")).Message);
    }

    /// <summary>A folder with the shards of two files, and an index.</summary>
    private static void WithShards(Action<string, Func<string, string>> test, Func<string, string>? edit = null)
    {
        string folder = Directory.CreateTempSubdirectory("lia-weights-").FullName;
        try
        {
            (string Name, float[] Values)[] tensors = [.. Parts.Select((part, p) => ("gen." + part.Name, Values(3, p)))];
            string[] files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
            for (int i = 0; i < 2; i++) File.WriteAllBytes(Path.Combine(folder, files[i]), Safetensors(tensors[(2 * i)..(2 * i + 2)]));
            string json =
                JsonSerializer.Serialize(new { metadata = new { total_size = 88 },
                weight_map = tensors.Select((tensor, t) => (tensor.Name, File: files[t / 2]))
                .ToDictionary(entry => entry.Name, entry => entry.File) });
            string index = Path.Combine(folder, "model.safetensors.index.json");
            File.WriteAllText(index, edit?.Invoke(json) ?? json);
            test(index, name => Path.Combine(folder, name));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Files_of_an_index_are_one_checkpoint() => WithShards((index, _) =>
    {
        using ITensorSource checkpoint = Checkpoint.Open(index);
        AssertIs(3, "gen", checkpoint);
        Assert.Equal("safetensors in 2 files", checkpoint.Format);
    });

    [Theory]
    [InlineData("../model-00001-of-00002.safetensors", "is not the plain name of a safetensors file")]
    [InlineData("/etc/model.safetensors", "is not the plain name")]
    [InlineData("sub\\\\model.safetensors", "is not the plain name")]
    [InlineData("C:model.safetensors", "is not the plain name")]
    [InlineData(".safetensors", "is not the plain name")]
    [InlineData("passwd", "is not the plain name")]
    [InlineData("model-00002-of-00002.safetensors", "is not in 'model-00002-of-00002.safetensors'")]
    [InlineData("absent.safetensors", "absent.safetensors")]
    public void An_index_opens_no_other_files(string file, string message) => WithShards(
        (index, _) => Assert.Contains(message, Assert.Throws<WeightsException>(() => Checkpoint.Open(index)).Message),
        json => json.Replace("\"model-00001-of-00002.safetensors\"", $"\"{file}\"", StringComparison.Ordinal));

    [Fact]
    public void Links_that_lead_out_of_the_folder_are_refused_and_others_followed()
    {
        if (OperatingSystem.IsWindows()) return; // Links take rights there.
        WithShards((index, at) =>
        {
            string shard = at("model-00002-of-00002.safetensors"), blob = at("blob");
            File.Move(shard, blob);
            File.CreateSymbolicLink(shard, "blob");
            using (ITensorSource checkpoint = Checkpoint.Open(index)) AssertIs(3, "gen", checkpoint);
            using TemporaryFile outside = new(File.ReadAllBytes(blob), ".safetensors");
            File.Delete(shard);
            File.CreateSymbolicLink(shard, outside.Path);
            Assert.Contains("is a link that leads out of the folder",
                Assert.Throws<WeightsException>(() => Checkpoint.Open(index)).Message);
        });
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("{\"weight_map\": 3}")]
    [InlineData("{\"weight_map\": {}}")]
    [InlineData("{\"weight_map\": {\"a\": 3}}")]
    [InlineData("{\"weight_map\": {\"a\": \"\"}}")]
    public void A_damaged_index_is_refused(string json) => WithShards(
        (index, _) =>
            Assert.StartsWith("model.safetensors.index.json: unusable index of safetensors files: ",
            Assert.Throws<WeightsException>(() => Checkpoint.Open(index)).Message),
        _ => json);

    /// <summary>Only an index that is named itself opens other files.</summary>
    [Fact]
    public void An_index_under_another_name_is_no_checkpoint() => WithShards((index, at) =>
    {
        File.Move(index, at("model.safetensors"));
        Assert.Contains("the safetensors header is missing",
            Assert.Throws<WeightsException>(() => Checkpoint.Open(at("model.safetensors"))).Message);
    });
}
