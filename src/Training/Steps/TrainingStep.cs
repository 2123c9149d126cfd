using System.Collections.Immutable;
using ILGPU;
using ILGPU.Runtime;
using Lia.Gpu.Runtime;
using Lia.Kernels;
using Lia.Kernels.Convolution;
using Lia.Kernels.Losses;
using Lia.Kernels.Modulation;
using Lia.Kernels.Optimizers;
using Lia.Network.Cuda;
using Lia.Network.Graph;
using Lia.Training.Graph;
using Lia.Training.Parameters;
using Lia.Weights;

namespace Lia.Training.Steps;

/// <summary>
/// A training step on one GPU, a list of launches that is built once and replayed as a graph:
/// <code>
///     pack the weights --> G forward --> P, L1 and D of the result, there and back --> G back --> Adam of G
///                              |
///                              +--> D of targets and results, there and back --> Adam of D        D: or the patch critic
///
///     pictures on the device:   sources | driving | starts | targets | results        driving = targets in pairs of one clip; then there
///                               '-- encoder --------------'  '--- D ---------'        are no starts, and targets lie where driving do
/// </code>
/// Losses come first and go back at once, scale by scale of the pyramid, so that the activations of one lie where those of another lay.
/// </summary>
internal sealed partial class TrainingStep : ITrainingStep
{
    private const double Epsilon = 1e-8, Beta2 = 0.99;
    private const int ScoreSlots = 34, L1Slot = 28, AdversarialSlot = 29, DiscriminatorSlot = 30, MatchingSlot = 31,
        LabelSlot = 32, SurfaceSlot = 33;

    private readonly KernelLoader _loader;
    private readonly StepSettings _settings;
    private readonly LiaGraph _graph;
    private readonly Discriminator _discriminatorGraph;
    private readonly NetworkParameters _generator;
    private readonly NetworkParameters? _discriminator, _vgg;
    private readonly PatchCritic? _criticGraph;
    private readonly PatchCriticParameters? _critic;
    private readonly ImmutableArray<VggLayer> _vggGraph;
    private readonly StyleLayout _styles;
    private readonly AcceleratorStream _stream;
    private readonly HalfConvolutionLauncher _packed;
    private readonly PageLockedArrays _uploads;
    private readonly List<IDisposable> _owned = [];
    private readonly ArrayView<float> _pictures, _resultGradient, _losses, _averageShare, _rise, _weights;
    private readonly ArrayView<AdamRates> _generatorRates, _discriminatorRates;
    private readonly ArrayView<DemodulationRow> _demodulationTable;
    private readonly List<ArrayView<float>> _grids = [];
    private readonly Dictionary<int, ArrayView<float>> _taps = [];
    private readonly CudaPlan _step, _look, _encode;
    private readonly int _picture;
    private readonly float[] _lossValues = new float[ScoreSlots];
    private long _steps;

    /// <param name="loader">The device.</param>
    /// <param name="settings">What the step is made for.</param>
    /// <param name="start">Where the parameters start: tensors as in <see cref="State"/>, of which all are taken that are there.</param>
    /// <param name="vgg">The perceptual network's weights.</param>
    /// <param name="ownsLoader">Whether disposing the step, or failing here, disposes the loader.</param>
    /// <exception cref="WeightsException">The perceptual network's weights are others.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has too little memory.</exception>
    public TrainingStep(KernelLoader loader, StepSettings settings, InitialParameters start, ITensorSource? vgg, bool ownsLoader = false)
    {
        (_loader, _settings) = (loader, settings);
        if (ownsLoader) _owned.Add(loader);
        try
        {
            ModelArchitecture architecture = settings.Architecture;
            _graph = LiaGraph.Create(architecture);
            _discriminatorGraph = Discriminator.Create(architecture);
            _picture = 3 * architecture.Size * architecture.Size;
            _stream = Own(loader.CreateStream());
            _uploads = Own(new PageLockedArrays(loader.Accelerator));
            _packed = Own(new HalfConvolutionLauncher(loader, HalfConvolutionLauncher.MachineOf(loader)));
            _styles = new(ParameterLayout.Modulated(_graph.Synthesis));
            _generator = Own(new NetworkParameters(loader,
                new(loader, ParameterLayout.OfGenerator(_graph, settings.Labels), averages: settings.Average > 0,
                    hasMomentum: settings.Momentum > 0), Arithmetic));
            GeneratorLayers.AddConvolutions(_generator, _graph);
            if (settings.Adversarial > 0 && settings.JudgesPatches)
            {
                _criticGraph = PatchCritic.Create(architecture.Size, settings.CriticChannels);
                _critic = Own(new PatchCriticParameters(loader, _criticGraph, Arithmetic));
            }
            else if (settings.Adversarial > 0)
            {
                _discriminator = Own(new NetworkParameters(
                    loader, new(loader, new ParameterLayout(_discriminatorGraph.Parameters())), Arithmetic));
                DiscriminatorPass.AddConvolutions(_discriminator, _discriminatorGraph);
            }
            if (vgg != null)
            {
                _vggGraph = Vgg.Of(vgg);
                _vgg = Own(VggLayers.Load(loader, vgg, _vggGraph, Arithmetic));
            }
            _pictures = Allocate<float>((long)PictureSets * settings.Pairs * _picture);
            _resultGradient = Allocate<float>((long)settings.Pairs * _picture);
            _losses = Own(loader.Allocate1D(new float[ScoreSlots])).View;
            _averageShare = Allocate<float>(1);
            _rise = Allocate<float>(1);
            if (settings.HasWeights) _weights = Allocate<float>((long)settings.Pairs * _picture / 3);
            AllocateGuides();
            _generatorRates = Allocate<AdamRates>(1);
            _discriminatorRates = Allocate<AdamRates>(1);
            _demodulationTable = Own(loader.Allocate1D(_styles.Rows)).View;
            foreach (SynthesisLevel level in _graph.Synthesis.Levels)
                _grids.Add(Own(loader.Allocate1D(LiaGraph.WarpGrid(level.Resolution))).View);
            foreach (int scale in Vgg.Scales(architecture.Size).Skip(1))
                _taps.Add(scale, Own(loader.Allocate1D(AntiAlias.Taps(scale))).View);
            Restore(start);
            ArenaLayout measured = new(null);
            Build(measured);
            MemoryBuffer1D<float, Stride1D.Dense> memory = Own(loader.Allocate1D<float>(measured.Length));
            ArenaLayout arena = new(memory);
            _step = Own(new CudaPlan(loader, Build(arena), arena.Length));
            // The way forward alone needs no more.
            _look = Own(new CudaPlan(loader, BuildLook(new(memory)), arena.Length));
            _encode = Own(new CudaPlan(loader, BuildEncode(new(memory)), arena.Length));
            _packed.Commit();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Pairs => _settings.Pairs;

    public string DeviceName => _loader.Properties.Name;

    /// <summary>The launches of a step with their layers' names.</summary>
    public IReadOnlyList<CudaStep> Launches => _step.Steps;

    /// <summary>Where the step runs.</summary>
    public AcceleratorStream Stream => _stream;

    /// <summary>Puts a step of the last batch into the stream again; nobody waits.</summary>
    public void Replay() => _step.Enqueue(_stream);

    /// <summary>Bytes of activations.</summary>
    public long ArenaBytes => _step.ArenaLength * sizeof(float);

    // Sources, driving, starts, targets, results.
    private int PictureSets => _settings.IsSupervised ? 5 : 3;

    private ArrayView<float> Pictures(int set, int sets = 1) =>
        _pictures.SubView((long)set * Pairs * _picture, (long)sets * Pairs * _picture);

    // Exact unless half-precision operands are asked for.
    private ConvolutionArithmetic Arithmetic =>
        _settings.IsExact == false ? ConvolutionArithmetic.Half : ConvolutionArithmetic.Tf32x3;

    private int TargetSet => _settings.IsSupervised ? 3 : 1;

    private ArrayView<float> Targets => Pictures(TargetSet);

    private ArrayView<float> Results => Pictures(TargetSet + 1);

    public StepLosses Run(TrainingBatch batch, StepRates rates)
    {
        UploadPictures(batch);
        if (_settings.HasWeights) _uploads.Upload(_stream, batch.Weights!, _weights);
        UploadGuides(batch, rates);
        _steps++;
        _generatorRates.CopyFromCPU(_stream,
            [AdamRates.Of(rates.Generator, _settings.Momentum, Math.Pow(Beta2, StepRates.GeneratorRatio), Epsilon, _steps)]);
        _discriminatorRates.CopyFromCPU(_stream,
            [AdamRates.Of(rates.Discriminator, 0, Math.Pow(Beta2, StepRates.DiscriminatorRatio), Epsilon, _steps)]);
        // Short at first, so that the average does not remember the beginning.
        _averageShare.CopyFromCPU(_stream, [(float)Math.Max(1 - _settings.Average, Math.Pow(_steps, -0.8))]);
        _rise.CopyFromCPU(_stream, [rates.Adversary]);
        _step.Enqueue(_stream);
        _losses.CopyToCPU(_stream, _lossValues.AsSpan());
        float perceptual = 0;
        foreach (float value in _lossValues.AsSpan(0, L1Slot)) perceptual += value;
        return new(perceptual, _lossValues[L1Slot], _lossValues[AdversarialSlot], _lossValues[DiscriminatorSlot],
            _lossValues[MatchingSlot], _lossValues[LabelSlot], _lossValues[SurfaceSlot]);
    }

    public float[] Reconstruct(ReadOnlySpan<float> sources, ReadOnlySpan<float> drivings)
    {
        Pictures(0).CopyFromCPU(_stream, sources);
        Pictures(1).CopyFromCPU(_stream, drivings);
        if (_settings.IsSupervised) Pictures(2).CopyFromCPU(_stream, sources); // moved from where it is: absolutely
        _look.Enqueue(_stream);
        return ReadResults();
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        _owned.Clear();
    }

    private void UploadPictures(TrainingBatch batch)
    {
        _uploads.Upload(_stream, batch.Sources, Pictures(0));
        _uploads.Upload(_stream, batch.Targets, Targets);
        if (!_settings.IsSupervised) return;
        _uploads.Upload(_stream, batch.Drivings ?? batch.Targets, Pictures(1));
        // Started at the source itself, a pair of one clip moves as without a start.
        _uploads.Upload(_stream, batch.Starts ?? batch.Sources, Pictures(2));
    }

    private IReadOnlyList<CudaStep> Build(ArenaLayout arena)
    {
        Tape tape = new(_loader, arena, Arithmetic, _packed);
        _generator.Pack(tape);
        GeneratorLayers generator = new(tape, _generator, _graph, Guided(Operands));
        generator.Forward();
        generator.BeginBack();
        PixelLoss(tape);
        Perceptual(tape);
        if (_discriminator != null)
        {
            _discriminator.Pack(tape);
            Judge(tape, learns: false);
            Judge(tape, learns: true);
        }
        if (_critic != null) JudgePatches(tape);
        tape.GoBack();
        Update(tape, "generator", _generator.Bank, _generatorRates);
        if ((_discriminator?.Bank ?? _critic?.Bank) is { } judge) Update(tape, "discriminator", judge, _discriminatorRates);
        if (_generator.Bank.Averages.Length > 0)
            tape.Add("average", Average.Prepare(_loader, new()
                { Averages = _generator.Bank.Averages, Parameters = _generator.Bank.Values, Share = _averageShare }));
        return tape.Steps;
    }

    private IReadOnlyList<CudaStep> BuildLook(ArenaLayout arena)
    {
        Tape tape = new(_loader, arena, Arithmetic, _packed);
        NetworkParameters averaged = _generator.OfAverages();
        averaged.Pack(tape);
        new GeneratorLayers(tape, averaged, _graph, Operands) { Learns = false }.Forward();
        return tape.Steps;
    }

    private GeneratorOperands Operands => new(_pictures, Results, _resultGradient, _grids, _styles, _demodulationTable, Pairs,
        _settings.IsSupervised, _settings.FixesDirections);

    // The first to write the gradient by the result; the others add to it.
    private void PixelLoss(Tape tape)
    {
        int pixels = _picture / 3;
        tape.AddWithDoubles("l1", L1.PartialsLength(Pairs, 3, pixels), room => L1.Prepare(_loader, new()
        {
            Values = Results,
            Targets = Targets,
            Weights = _weights,
            Gradient = _resultGradient,
            Partials = room,
            Value = Slot(L1Slot),
            Frames = Pairs,
            Channels = 3,
            Pixels = pixels,
            Scale = 1,
        }));
        // The value is told without its weight.
        if (_settings.L1 != 1)
            tape.Add("l1", AddScaled.Prepare(_loader, new()
                { First = _resultGradient, Output = _resultGradient, Gain = (float)_settings.L1 }));
    }

    private void Perceptual(Tape tape)
    {
        int size = _settings.Architecture.Size, slot = 0;
        if (_vgg == null)
        {
            Compare(tape, Results, Targets, _weights, size, level: 0, _resultGradient);
            return;
        }
        foreach (int scale in Vgg.Scales(size))
        {
            int small = size / scale, length = Pairs * 3 * small * small;
            VggLayers layers = new(tape.Branch(), _vgg, _vggGraph) { Learns = false };
            ArrayView<float> values = _losses.SubView(slot, Vgg.ComparedCount);
            slot += Vgg.ComparedCount;
            if (scale == 1)
            {
                layers.Judge(Results, Pairs, size, layers.Look(Targets, Pairs, size), values, _resultGradient);
                continue;
            }
            ArrayView<float> target = tape.Reserve(length), result = tape.Reserve(length), gradient = tape.Reserve(length);
            AntiAliasArguments pyramid = new()
                { Taps = _taps[scale], Images = 3 * Pairs, Height = size, Width = size, Factor = scale };
            tape.Add($"pyramid 1/{scale}", AntiAlias.Prepare(_loader, pyramid with { Input = Targets, Output = target }),
                AntiAlias.Prepare(_loader, pyramid with { Input = Results, Output = result }), Fill.Prepare(_loader, gradient));
            layers.Judge(result, Pairs, small, layers.Look(target, Pairs, small), values, gradient);
            tape.Add($"pyramid 1/{scale}, back", AntiAlias.PrepareGradient(_loader,
                pyramid with { OutputGradient = gradient, Gradient = _resultGradient, Accumulates = 1 }));
            foreach (ArrayView<float> view in (ArrayView<float>[])[target, result, gradient]) tape.Release(view);
        }
    }

    // The loss without a network: four scales, each half the one before, of pixels and of their derivatives.
    private void Compare(Tape tape, ArrayView<float> result, ArrayView<float> target, ArrayView<float> weights, int size, int level,
        ArrayView<float> gradient)
    {
        const int Levels = 4;
        const float Share = 0.7f;
        string name = $"picture distance 1/{1 << level}";
        int half = size / 2, planes = 3 * Pairs;
        ArrayView<float> coarser = default;
        if (level + 1 < Levels)
        {
            ArrayView<float> small = tape.Reserve(planes * half * half), wanted = tape.Reserve(planes * half * half);
            ArrayView<float> map = weights.Length > 0 ? tape.Reserve(Pairs * half * half) : default;
            coarser = tape.Reserve(planes * half * half);
            AveragePoolArguments pool = new() { Planes = planes, Height = size, Width = size };
            tape.Add(name, PictureDistance.PreparePool(_loader, pool with { Input = result, Output = small }),
                PictureDistance.PreparePool(_loader, pool with { Input = target, Output = wanted }));
            if (weights.Length > 0)
                tape.Add(name, PictureDistance.PreparePool(_loader, pool with { Input = weights, Output = map, Planes = Pairs }));
            Compare(tape, small, wanted, map, half, level + 1, coarser);
            tape.Release(small);
            tape.Release(wanted);
            if (weights.Length > 0) tape.Release(map);
        }
        tape.AddWithDoubles(name, PictureDistance.PartialsLength(planes, size, size), room => PictureDistance.Prepare(_loader, new()
        {
            Values = result,
            Targets = target,
            Weights = weights,
            Coarser = coarser,
            Gradient = gradient,
            Partials = room,
            Value = Slot(level),
            Planes = planes,
            Height = size,
            Width = size,
            PixelWeight = level == 0 ? 1 : Share,
            EdgeWeight = Share,
            Accumulates = level == 0 ? 1 : 0,
        }));
        if (level + 1 < Levels) tape.Release(coarser);
    }

    // The generator's loss looks at the results alone and at no parameter of D; the discriminator's at targets and results, apart.
    private void Judge(Tape tape, bool learns)
    {
        Tape walk = tape.Branch();
        int passes = learns ? 2 : 1, frames = passes * Pairs;
        TrainedMap scores = DiscriminatorPass.Forward(new(walk, _discriminator!) { Learns = learns }, _discriminatorGraph,
            learns ? Pictures(TargetSet, 2) : Results, passes, frames, _settings.Architecture.Size, learns ? default : _resultGradient);
        scores.Gradient = walk.ReserveLike(scores.Value);
        walk.Add(learns ? "discriminator's loss" : "adversarial loss", SoftplusMean.Prepare(_loader, new()
        {
            Input = scores.Value.View,
            Gradient = scores.Gradient.View,
            Value = Slot(learns ? DiscriminatorSlot : AdversarialSlot),
            Passes = passes,
            Images = Pairs,
            Negated = 1, // the targets, or what shall be taken for them
            Scale = learns ? 1 : (float)_settings.Adversarial,
        }));
        walk.GoBack();
    }

    private void Update(Tape tape, string name, ParameterBank bank, ArrayView<AdamRates> rates) =>
        tape.Add($"Adam of the {name}", Adam.Prepare(_loader, new()
        {
            Parameters = bank.Values,
            Gradients = bank.Gradients,
            First = bank.FirstMoments,
            Second = bank.SecondMoments,
            Rates = rates,
        }));

    private ArrayView<float> Slot(int index) => _losses.SubView(index, 1);

    private ArrayView<T> Allocate<T>(long length) where T : unmanaged => Own(_loader.Allocate1D<T>(length)).View;

    private T Own<T>(T resource) where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
