using ILGPU;
using ILGPU.Runtime;
using Lia.Kernels;
using Lia.Kernels.Optimizers;
using Lia.Training.Parameters;
using Lia.Weights;

namespace Lia.Training.Steps;

/// <content>What a step changes, to be kept and looked into.</content>
internal sealed partial class TrainingStep
{
    private const string StepsName = "adam.steps", CriticPrefix = "critic.";

    private Dictionary<string, (TensorInfo Info, ArrayView<float> View)>? _state;

    public IReadOnlyList<TensorInfo> State => [.. Places.Values.Select(place => place.Info), new(StepsName, DType.Float32, [1])];

    // What learns, and what its tensors' names begin with.
    private IEnumerable<(string Prefix, ParameterBank Bank)> Banks
    {
        get
        {
            yield return ("generator.", _generator.Bank);
            if (_discriminator != null) yield return ("discriminator.", _discriminator.Bank);
            if (_critic != null) yield return (CriticPrefix, _critic.Bank);
        }
    }

    private Dictionary<string, (TensorInfo Info, ArrayView<float> View)> Places => _state ??= FindPlaces();

    public void ReadState(string name, Span<float> values)
    {
        if (name == StepsName) values[0] = _steps;
        else Place(name, values.Length).CopyToCPU(_stream, values);
    }

    public void WriteState(string name, ReadOnlySpan<float> values)
    {
        if (name == StepsName) _steps = (long)values[0];
        else Place(name, values.Length).CopyFromCPU(_stream, values);
    }

    public string? FindNotFinite()
    {
        foreach ((string kind, ParameterBank bank) in Banks)
        {
            // Gradients tell more than what was made of them.
            if (FindIn(bank, bank.Gradients) is { } gradient) return $"the gradient of {kind}{gradient}";
            if (FindIn(bank, bank.Values) is { } value) return $"{kind}{value}";
        }
        return null;
    }

    /// <summary>What the generator made in the last step, planar [pair, 3, S, S].</summary>
    public float[] ReadResults()
    {
        float[] planes = new float[Pairs * _picture];
        Pictures(TargetSet + 1).CopyToCPU(_stream, planes.AsSpan());
        return planes;
    }

    /// <summary>The gradient of the generator's loss by that.</summary>
    public float[] ReadResultGradient()
    {
        float[] planes = new float[Pairs * _picture];
        _resultGradient.CopyToCPU(_stream, planes.AsSpan());
        return planes;
    }

    /// <summary>The gradients of the last step by the parameters' names in <see cref="State"/>.</summary>
    public Dictionary<string, float[]> Gradients()
    {
        Dictionary<string, float[]> gradients = [];
        foreach ((string prefix, ParameterBank bank) in Banks)
        {
            foreach (TensorInfo tensor in bank.Layout.Tensors)
            {
                float[] values = new float[tensor.ElementCount];
                bank.Gradient(tensor.Name).CopyToCPU(_stream, values.AsSpan());
                gradients.Add(prefix + tensor.Name, values);
            }
        }
        return gradients;
    }

    private string? FindIn(ParameterBank bank, ArrayView<float> all)
    {
        using MemoryBuffer1D<int, Stride1D.Dense> index = _loader.Allocate1D<int>(1);
        foreach (KernelLaunch launch in FiniteSearch.Prepare(_loader, new() { Values = all, Index = index.View })) launch.Enqueue(_stream);
        int[] found = new int[1];
        index.View.CopyToCPU(_stream, found.AsSpan());
        return found[0] == FiniteSearch.None ? null
            : bank.Layout.Tensors.Last(tensor => bank.Layout[tensor.Name].Offset <= found[0]).Name;
    }

    private ArrayView<float> Place(string name, int length)
    {
        if (!Places.TryGetValue(name, out (TensorInfo Info, ArrayView<float> View) place))
            throw new ArgumentException($"There is no tensor '{name}' in the state.", nameof(name));
        if (place.View.Length != length)
            throw new ArgumentException($"Tensor '{name}' has {place.View.Length} values, not {length}.", nameof(length));
        return place.View;
    }

    private Dictionary<string, (TensorInfo Info, ArrayView<float> View)> FindPlaces()
    {
        Dictionary<string, (TensorInfo, ArrayView<float>)> places = [];
        foreach ((string prefix, ParameterBank bank) in Banks)
        {
            Add(prefix, bank, bank.Values);
            Add($"adam.first.{prefix}", bank, bank.FirstMoments);
            Add($"adam.second.{prefix}", bank, bank.SecondMoments);
        }
        Add("average.", _generator.Bank, _generator.Bank.Averages);
        foreach ((TensorInfo info, ArrayView<float> view) in _critic?.Iterations ?? [])
            places.Add(CriticPrefix + info.Name, (info with { Name = CriticPrefix + info.Name }, view));
        return places;

        void Add(string prefix, ParameterBank bank, ArrayView<float> all)
        {
            if (all.Length == 0) return;
            foreach (TensorInfo tensor in bank.Layout.Tensors)
                places.Add(prefix + tensor.Name, (tensor with { Name = prefix + tensor.Name }, bank.Part(all, tensor.Name)));
        }
    }

    private void Restore(InitialParameters start)
    {
        Fill(_generator.Bank, start.FillGenerator);
        if (_generator.Bank.Averages.Length > 0) _generator.Bank.Averages.CopyFrom(_stream, _generator.Bank.Values);
        if (_discriminator != null) Fill(_discriminator.Bank, start.FillDiscriminator);
        if (_critic != null)
        {
            Fill(_critic.Bank, start.FillCritic);
            foreach ((TensorInfo info, ArrayView<float> view) in _critic.Iterations) Put(info, view, start.FillCritic);
        }
        _stream.Synchronize();

        void Fill(ParameterBank bank, FillParameter fill)
        {
            foreach (TensorInfo tensor in bank.Layout.Tensors) Put(tensor, bank.Value(tensor.Name), fill);
        }

        void Put(TensorInfo tensor, ArrayView<float> view, FillParameter fill)
        {
            float[] values = new float[tensor.ElementCount];
            fill(tensor, values);
            view.CopyFromCPU(_stream, values);
        }
    }

    private delegate void FillParameter(TensorInfo tensor, Span<float> values);
}
