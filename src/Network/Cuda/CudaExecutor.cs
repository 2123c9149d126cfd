using System.Diagnostics;
using ILGPU.Runtime;
using ILGPU;
using Lia.Gpu;
using Lia.Gpu.Compiler;
using Lia.Gpu.Cuda;
using Lia.Gpu.Runtime;
using Lia.Gpu.Stock;
using Lia.Kernels.Convolution;
using Lia.Kernels.MotionBasis;
using Lia.Network.Cuda.Float32;
using Lia.Network.Cuda.TensorCores;
using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cuda;

/// <summary>How a GPU computes.</summary>
public enum CudaPrecision
{
    /// <summary>
    /// The accuracy of float32 by the fastest way the device has: on tensor cores with operands of two halves where there is a kernel for
    /// them (compute capability 9.0), else as <see cref="Float32"/>. Activations beyond 65504 give frames that are told to be no finite
    /// numbers.
    /// </summary>
    Exact,

    /// <summary>fp16 operands on tensor cores, float32 sums.</summary>
    Fast,

    /// <summary>float32 throughout, on the float32 cores: the same kernels on every device.</summary>
    Float32,
}

/// <summary>
/// Runs the network on a GPU: with kernels of our compiler on CUDA, or, in float32, with kernels of ILGPU's own compiler wherever ILGPU
/// runs (<see cref="GpuOpening.OnIlgpu"/>).
/// </summary>
/// <remarks>
/// For every number of frames the layers become a list of launches once; a call then copies its input, replays the list and copies the
/// result. Activations share one arena, allocated when a number of frames is first seen. Results are the same from run to run and, in
/// float32, whatever frames run together; in fp16 their number may change the order of sums. Used by one thread at a time.
/// </remarks>
public sealed partial class CudaExecutor : IExecutor
{
    /// <summary>Most frames that run together; longer calls run in parts.</summary>
    public const int MostFrames = 32;

    private readonly KernelLoader _loader;
    private readonly bool _ownsLoader;
    private readonly LiaGraph _graph;
    private readonly CudaWeights _weights;
    private readonly AcceleratorStream _stream;
    private readonly List<MemoryBuffer1D<float, Stride1D.Dense>> _grids = [];
    private readonly Dictionary<(CudaPlanKind Kind, int Frames, bool IsTapped), CudaPlan> _plans = [];
    private CudaFrameBuffers? _buffers;
    private CudaFeatureSlots? _slots;
    private MemoryBuffer1D<float, Stride1D.Dense>? _arena;
    private int _mostFrames = MostFrames;
    private bool _isDisposed;

    /// <summary>Packs a checkpoint onto a device.</summary>
    /// <param name="loader">The device.</param>
    /// <param name="weights">Read during construction only.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="precision">How it computes.</param>
    /// <param name="ownsLoader">Whether disposing the executor (or failing here) disposes the loader.</param>
    /// <exception cref="WeightsException">A tensor is missing, has another shape or holds a NaN.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has too little memory left.</exception>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="NotSupportedException">Fast on a loader of ILGPU's own compiler, or an accelerator that the kernels are not written
    /// for.</exception>
    public CudaExecutor(KernelLoader loader, ITensorSource weights, ModelArchitecture architecture,
        CudaPrecision precision = CudaPrecision.Exact, bool ownsLoader = false)
        : this(loader, weights, architecture, precision, ownsLoader, null)
    {
    }

    /// <inheritdoc cref="CudaExecutor(KernelLoader, ITensorSource, ModelArchitecture, CudaPrecision, bool)"/>
    /// <param name="loader">The device.</param>
    /// <param name="weights">Read during construction only.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="precision">How it computes.</param>
    /// <param name="ownsLoader">Whether disposing the executor (or failing here) disposes the loader.</param>
    /// <param name="packed">From <see cref="Pack"/> with the same; null packs now.</param>
    internal CudaExecutor(KernelLoader loader, ITensorSource weights, ModelArchitecture architecture, CudaPrecision precision,
        bool ownsLoader, CudaWeights? packed)
    {
        ArgumentNullException.ThrowIfNull(loader);
        (_loader, _ownsLoader, _weights) = (loader, ownsLoader, packed!);
        try
        {
            if (loader.IsStock) DemandStock(loader, precision);
            LiaGraph.CheckFirKernels(weights);
            _graph = LiaGraph.Create(architecture);
            _stream = loader.CreateStream();
            Precision = loader.IsStock ? CudaPrecision.Float32 : precision;
            // Beside the weights.
            Task<MotionBasis> basis =
                Task.Run(() => Factor(weights.ReadParameter(_graph.Direction, architecture.Style, architecture.Motion)));
            try
            {
                _weights ??= (loader.IsStock ? null : Pack(weights, architecture, Precision, loader.Target))
                    ?? new Float32Weights(loader, weights, _graph);
                using (Activities.Begin("weights uploaded")) _weights.Place(loader);
            }
            finally
            {
                // It reads the checkpoint and uses the stream: whatever else failed, it has to end.
                basis.ContinueWith(static _ => { }, TaskContinuationOptions.ExecuteSynchronously).Wait();
            }
            Basis = basis.GetAwaiter().GetResult();
            foreach (SynthesisLevel level in _graph.Synthesis.Levels) _grids.Add(loader.Allocate1D(LiaGraph.WarpGrid(level.Resolution)));
        }
        catch (Exception e)
        {
            Dispose();
            if (e is AcceleratorException failure) throw loader.Explain(failure);
            throw;
        }
    }

    /// <summary>Begins to pack a checkpoint for a device that need not be open yet.</summary>
    /// <param name="weights">Read until the executor that is given the result has been made, or the result is disposed.</param>
    /// <param name="architecture">The extents of the network in it.</param>
    /// <param name="precision">How the executor is to compute.</param>
    /// <param name="target">What its kernels are compiled for.</param>
    /// <returns>What is being packed; null where nothing is packed without the device.</returns>
    internal static CudaWeights? Pack(
        ITensorSource weights, ModelArchitecture architecture, CudaPrecision precision, CompileTarget target)
    {
        ConvolutionMachine machine = HalfConvolutionLauncher.MachineOf(target);
        bool isExact = precision == CudaPrecision.Exact;
        return precision == CudaPrecision.Fast || isExact && HalfConvolutionLauncher.MultipliesPairs(machine)
            ? new TensorCoreWeights(weights, LiaGraph.Create(architecture), machine, isExact) : null;
    }

    /// <inheritdoc/>
    public ModelArchitecture Architecture => _graph.Architecture;

    /// <inheritdoc/>
    public string DeviceName => _loader.IsStock ? $"ILGPU ({_loader.Properties.Name}, float32)"
        : _loader.Accelerator.AcceleratorType == AcceleratorType.Cuda
            ? $"CUDA ({_loader.Properties.Name}, {(Precision == CudaPrecision.Fast ? "fp16" : "float32")})" : _loader.Properties.Name;

    /// <summary>How it computes.</summary>
    public CudaPrecision Precision { get; }

    /// <inheritdoc/>
    public bool IsExact => Precision != CudaPrecision.Fast;

    /// <inheritdoc/>
    public MotionBasis Basis { get; }

    /// <inheritdoc/>
    public TapHandler? Tap { get; set; }

    /// <inheritdoc/>
    public int PreferredBatch(int? frames = null)
    {
        // Eight fill the device at 256, and memory stays small. A long clip gains more by fewer launches than its first frame loses,
        // where a device computes by itself; up to a size of 512 it takes no more memory than eight of 512, exact 2.5 GB. By what a
        // device has, and not by what is free: what a fast frame comes to is not to change from run to run.
        const int Few = 8, LongClip = 512, Side = 256;
        const long Least = 3L << 30;
        if (frames is > 0 and < Few) return frames.Value;
        return frames >= LongClip && !_loader.IsStock && _loader.Properties.MemoryBytes >= Least
            ? (int)Math.Clamp((long)MostFrames * Side * Side / ((long)Architecture.Size * Architecture.Size), Few, MostFrames) : Few;
    }

    /// <inheritdoc/>
    public bool KeepsBatches { get; set; }

    /// <summary>Bytes of activations that the largest number of frames so far needs at once.</summary>
    public long ArenaBytes => _arena?.LengthInBytes ?? 0;

    /// <summary>Bytes of the device's memory that are free, and all there are.</summary>
    public (long Free, long Total) MemoryInfo => _loader.MemoryInfo;

    /// <summary>Numbers of frames that there are plans for.</summary>
    internal HashSet<int> PlanSizes => [.. _plans.Keys.Select(static plan => plan.Frames)];

    internal AcceleratorStream Stream => _stream;

    private int PictureLength => Architecture.PictureLength();

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="image"/> has another length.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has too little memory left.</exception>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="NotSupportedException">The accelerator of ILGPU failed.</exception>
    public EncodedSource EncodeSource(ReadOnlySpan<float> image)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ExecutorArguments.CheckPicture(Architecture, image.Length, nameof(image));
        CudaEncodedSource? source = null;
        try
        {
            CudaPlan plan = Plan(CudaPlanKind.Source, 1);
            source = new(this, _loader, _weights, _graph);
            _buffers!.Images.View.CopyFromCPU(_stream, image);
            plan.Enqueue(_stream, Tap, source.Features);
            _buffers.Appearance.View.CopyToCPU(_stream, source.AppearanceCode.AsSpan());
            _buffers.Codes.View.CopyToCPU(_stream, source.MotionCode.AsSpan());
        }
        catch (Exception e)
        {
            source?.Dispose();
            if (e is AcceleratorException failure) throw _loader.Explain(failure);
            throw;
        }
        Tap?.Invoke(_graph.MotionHead.Name, [1, Architecture.Motion], source.MotionCode);
        return source;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A span has another length.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has too little memory left.</exception>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="NotSupportedException">The accelerator of ILGPU failed.</exception>
    public void EncodeMotion(ReadOnlySpan<float> images, int count, Span<float> codes)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        int motion = Architecture.Motion;
        ExecutorArguments.CheckLength(images.Length, count, PictureLength, nameof(images));
        ExecutorArguments.CheckLength(codes.Length, count, motion, nameof(codes));
        try
        {
            for (int first = 0, frames; first < count; first += frames)
            {
                CudaPlan plan = Fit(CudaPlanKind.Encoder, count - first, room: 1, out frames);
                _buffers!.Images.View.CopyFromCPU(_stream, images.Slice(first * PictureLength, frames * PictureLength));
                plan.Enqueue(_stream, Tap);
                Span<float> part = codes.Slice(first * motion, frames * motion);
                _buffers.Codes.View.CopyToCPU(_stream, part);
                Tap?.Invoke(_graph.MotionHead.Name, [frames, motion], part);
            }
        }
        catch (AcceleratorException failure)
        {
            throw _loader.Explain(failure);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A span has another length, or the source is another executor's or disposed.</exception>
    /// <exception cref="AcceleratorOutOfMemoryException">The device has too little memory left.</exception>
    /// <exception cref="CudaException">The device failed.</exception>
    /// <exception cref="NotSupportedException">The accelerator of ILGPU failed.</exception>
    public void Synthesize(EncodedSource source, ReadOnlySpan<float> latents, int count, Span<float> frames) =>
        Synthesize([source], latents, count, frames);

    /// <inheritdoc/>
    /// <inheritdoc cref="Synthesize(EncodedSource, ReadOnlySpan{float}, int, Span{float})" path="/exception"/>
    public void Synthesize(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents, Span<float> frames) =>
        Synthesize(sources, latents, sources.Length, frames);

    // One source for all frames, or one for each.
    private void Synthesize(ReadOnlySpan<EncodedSource> sources, ReadOnlySpan<float> latents, int count, Span<float> frames)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        int style = Architecture.Style;
        ExecutorArguments.CheckLength(latents.Length, count, style, nameof(latents));
        ExecutorArguments.CheckLength(frames.Length, count, PictureLength, nameof(frames));
        try
        {
            CheckOwn(sources);
            for (int first = 0, part; first < count; first += part)
            {
                CudaPlan plan = FitDecoder(sources, first, count - first, room: 1, out part);
                _buffers!.Latents.View.CopyFromCPU(_stream, latents.Slice(first * style, part * style));
                plan.Enqueue(_stream, Tap);
                _buffers.Frames.View.CopyToCPU(_stream, frames.Slice(first * PictureLength, part * PictureLength));
            }
        }
        catch (AcceleratorException failure)
        {
            throw _loader.Explain(failure);
        }
    }

    /// <inheritdoc/>
    public Exception? Explain(Exception failure) => failure is AcceleratorException of ? _loader.Explain(of) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        using Activity? closing = Activities.Begin("device closed");
        Release(() =>
        {
            foreach (CudaPlan plan in _plans.Values) plan.Dispose();
            _arena?.Dispose();
            _buffers?.Dispose();
            _slots?.Dispose();
            foreach (MemoryBuffer1D<float, Stride1D.Dense> grid in _grids) grid.Dispose();
            _weights?.Dispose();
            _stream?.Dispose();
        });
        if (_ownsLoader) Release(_loader.Dispose);
    }

    /// <summary>
    /// Frees what is on the device. After a fault of the device that fails, too, and nothing is left to do: what failed first was told, and
    /// says more.
    /// </summary>
    internal static void Release(Action free)
    {
        try
        {
            free();
        }
        catch (Exception e) when (e is AcceleratorException or CudaException)
        {
        }
    }

    /// <summary>A failure of ILGPU's runtime in our words: see <see cref="KernelLoader.Explain"/>.</summary>
    internal Exception Explain(AcceleratorException failure) => _loader.Explain(failure);

    /// <summary>
    /// The plan for as many of <paramref name="wanted"/> frames as run together: fewer where the device's memory is short.
    /// </summary>
    /// <param name="kind">What it does.</param>
    /// <param name="wanted">At least 1.</param>
    /// <param name="room">Frames that the plan has room for, where memory does: those that are not there are computed for nobody.</param>
    /// <param name="frames">Those that the plan is to run.</param>
    private CudaPlan Fit(CudaPlanKind kind, int wanted, int room, out int frames)
    {
        while (true)
        {
            frames = Math.Min(wanted, _mostFrames);
            int size = PlanSize(frames, room);
            try
            {
                return Plan(kind, size);
            }
            catch (AcceleratorOutOfMemoryException) when (size > 1 && !KeepsBatches)
            {
                _mostFrames = size / 2;
            }
        }
    }

    /// <summary>Frames of the plan that <see cref="Fit"/> takes for <paramref name="frames"/>.</summary>
    private int PlanSize(int frames, int room) => Math.Max(frames, Math.Min(room, _mostFrames));

    /// <summary>The decoder's plan for as many of <paramref name="wanted"/> frames as run together, their sources where it reads
    /// them.</summary>
    private CudaPlan FitDecoder(ReadOnlySpan<EncodedSource> sources, int first, int wanted, int room, out int frames)
    {
        bool isShared = sources.Length == 1;
        CudaPlan plan = Fit(isShared ? CudaPlanKind.Synthesis : CudaPlanKind.SynthesisOfMany, wanted, room, out frames);
        _slots!.Fill(_stream, isShared ? sources : sources.Slice(first, frames));
        return plan;
    }

    /// <summary>The plan for a number of frames, made at the first call.</summary>
    internal CudaPlan Plan(CudaPlanKind kind, int frames)
    {
        bool isTapped = Tap != null;
        if (_plans.TryGetValue((kind, frames, isTapped), out CudaPlan? plan)) return plan;
        using Activity? making = Activities.Begin("plans made");
        MakeRoom(frames, kind == CudaPlanKind.SynthesisOfMany ? frames : 1);
        // Once to learn the arena's size, again with addresses. A larger arena moves every plan.
        long length = Build(kind, frames, isTapped, new(null)).ArenaLength;
        if ((_arena?.Length ?? 0) < length)
        {
            Forget();
            _arena?.Dispose();
            _arena = null;
            _arena = _loader.Allocate1D<float>(length);
        }
        plan = Build(kind, frames, isTapped, new(_arena));
        _weights.Commit();
        _plans.Add((kind, frames, isTapped), plan);
        return plan;
    }

    /// <summary>Has the runtime compile how plans are kept.</summary>
    internal static void RehearsePlans()
    {
        Dictionary<(CudaPlanKind Kind, int Frames, bool IsTapped), CudaPlan> plans = [];
        plans.Add((CudaPlanKind.Source, 1, false), new(null!, [], 0));
        if (plans.ContainsKey(default) || !plans.TryGetValue((CudaPlanKind.Source, 1, false), out _)) return;
        foreach (CudaPlan plan in plans.Values) plan.Dispose();
        plans.Clear();
    }

    /// <summary>What goes into plans of so many frames and comes out of them has a place; a new one moves every plan.</summary>
    private void MakeRoom(int frames, int slots)
    {
        if (_buffers == null || _buffers.Capacity < frames)
        {
            Forget();
            _buffers?.Dispose();
            _buffers = null;
            _buffers = new(_loader, _stream, Architecture, frames);
        }
        if (_slots == null || _slots.Count < slots)
        {
            Forget();
            _slots?.Dispose();
            _slots = null;
            _slots = new(_loader, _stream, _weights, _graph, slots);
        }
    }

    private void CheckOwn(ReadOnlySpan<EncodedSource> sources)
    {
        foreach (EncodedSource source in sources)
        {
            if (source is not CudaEncodedSource own || own.Owner != this)
                throw new ArgumentException("The source was encoded by another executor.", nameof(sources));
            ObjectDisposedException.ThrowIf(own.IsDisposed, own);
        }
    }

    private CudaPlan Build(CudaPlanKind kind, int frames, bool isTapped, ArenaLayout arena)
    {
        CudaPlanBuilder builder = _weights.CreateBuilder(_graph, arena, frames, isTapped);
        CudaFrameBuffers buffers = _buffers!;
        switch (kind)
        {
            case CudaPlanKind.PixelsIn:
                builder.PixelsIn(Architecture.Size, buffers.Pixels.View, buffers.Images.View);
                break;
            case CudaPlanKind.Source or CudaPlanKind.Encoder:
                builder.Encoder(new(buffers.Images.View, buffers.Appearance.View, buffers.Codes.View,
                    IsSource: kind == CudaPlanKind.Source));
                break;
            case CudaPlanKind.Synthesis or CudaPlanKind.SynthesisOfMany:
                long stride = kind == CudaPlanKind.SynthesisOfMany ? _slots!.Length : 0;
                builder.Decoder(new(buffers.Latents.View, _slots!.Features, checked((int)stride),
                    _grids.ConvertAll<ArrayView<float>>(static grid => grid.View), buffers.Frames.View));
                break;
            case CudaPlanKind.PixelsOut:
                builder.PixelsOut(Architecture.Size, buffers.Frames.View, buffers.Pixels.View);
                break;
        }
        return builder.Finish();
    }

    private void Forget()
    {
        _stream.Synchronize();
        foreach (CudaPlan plan in _plans.Values) plan.Dispose();
        _plans.Clear();
        _weights.ForgetPlans();
    }

    private static void DemandStock(KernelLoader loader, CudaPrecision precision)
    {
        if (precision == CudaPrecision.Fast)
            throw new NotSupportedException(
                "ILGPU's own compiler has no tensor cores: fast (fp16) needs the kernels of our compiler, on an NVIDIA GPU; with it " +
                "there is exact (float32)");
        if (loader.Accelerator.WarpSize != StockAccelerators.Lanes)
            throw new NotSupportedException(
                $"{loader.Properties.Name} has warps of {loader.Accelerator.WarpSize} lanes, the kernels are written for " +
                $"{StockAccelerators.Lanes}");
    }

    private MotionBasis Factor(float[] direction)
    {
        using Activity? factoring = Activities.Begin("basis factored");
        int style = Architecture.Style, motion = Architecture.Motion, elements = style * motion;
        using MemoryBuffer1D<float, Stride1D.Dense> input = _loader.Allocate1D(direction), output = _loader.Allocate1D<float>(elements);
        using MemoryBuffer1D<double, Stride1D.Dense> workspace = _loader.Allocate1D<double>(HouseholderQr.WorkspaceLength(style, motion));
        HouseholderQr.Prepare(_loader, new()
        {
            Input = input.View,
            Reflectors = workspace.View.SubView(0, elements),
            Basis = workspace.View.SubView(elements, elements),
            Factors = workspace.View.SubView(2 * elements, motion),
            Output = output.View,
            Rows = style,
            Columns = motion,
            Offset = 1e-8f,
        }).Enqueue(_stream);
        float[] q = new float[elements];
        output.View.CopyToCPU(_stream, q);
        return new(q, style, motion);
    }
}
