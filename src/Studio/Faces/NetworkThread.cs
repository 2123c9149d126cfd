using System.Collections.Concurrent;
using System.Diagnostics;
using Lia.Loading;
using Lia.Network;
using Lia.Studio.Telemetry;
using Lia.Weights;

namespace Lia.Studio.Faces;

/// <summary>A picture that is wanted now.</summary>
/// <param name="Face">What is animated.</param>
/// <param name="What">For the measurements.</param>
internal sealed record PictureRequest(Face Face, string What)
{
    /// <summary>A driving frame [S, S, 3], whose code is taken first; null where <see cref="Code"/> says it.</summary>
    public byte[]? Frame { get; init; }

    /// <summary>alpha of the frame, or of the edits.</summary>
    public float[]? Code { get; init; }

    /// <summary>alpha where relative motion starts; null: with this very frame.</summary>
    public float[]? Start { get; init; }

    /// <summary>Factor on the motion.</summary>
    public float Strength { get; init; } = 1;

    /// <summary>Whether motion is relative.</summary>
    public bool IsRelative { get; init; } = true;
}

/// <summary>A picture, to be given back when it has been read.</summary>
/// <param name="Pixels">[S, S, 3].</param>
/// <param name="Code">alpha of the frame it was made for.</param>
/// <param name="Computing">How long the network took for those that went together.</param>
/// <param name="Waiting">From the request to the network.</param>
/// <param name="Maker">Who gets it back.</param>
internal sealed record Picture(byte[] Pixels, float[] Code, TimeSpan Computing, TimeSpan Waiting, NetworkThread Maker);

/// <summary>
/// The one thread that talks to a device's live network. Pictures that are wanted now come first, and those of different sources go
/// together: where the device gains by it they wait for each other, two milliseconds at most. Whatever else there is (codes of clips) is
/// done a piece at a time when nobody waits, and now and then when somebody always does.
/// </summary>
internal sealed class NetworkThread : IDisposable
{
    /// <summary>How long a request waits for others to go with.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMilliseconds(2);

    /// <summary>Batches of pictures after which something else has its turn.</summary>
    private const int Patience = 8;

    private readonly Func<CancellationToken, ILiveNetwork> _load;
    private readonly StudioMetrics _metrics;
    private readonly int _mostFaces;
    private readonly object _gate = new();
    private readonly Queue<(PictureRequest Request, TaskCompletionSource<Picture> Result, long Asked)> _wanted = new();
    private readonly Queue<Action<ILiveNetwork>> _rest = new();
    private readonly ConcurrentBag<byte[]> _pool = [];
    private readonly LinkedList<(Face Face, EncodedSource Encoded)> _faces = new(); // the one used last is the last
    private readonly Dictionary<Face, LinkedListNode<(Face Face, EncodedSource Encoded)>> _nodes = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationToken _stop;
    private readonly TaskCompletionSource<NetworkFacts> _facts = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private int _sessions, _inARow;
    private long _memory, _memoryAsked;

    /// <param name="load">Loads the network, on the thread.</param>
    /// <param name="metrics">Told of what is computed.</param>
    /// <param name="mostFaces">Sources whose features are kept.</param>
    public NetworkThread(Func<CancellationToken, ILiveNetwork> load, StudioMetrics metrics, int mostFaces)
    {
        (_load, _metrics, _mostFaces, _stop) = (load, metrics, mostFaces, _stopping.Token);
        _thread = new Thread(Run) { Name = "network", IsBackground = true };
        _thread.Start();
    }

    /// <summary>What is loaded; fails as loading does.</summary>
    public Task<NetworkFacts> Facts => _facts.Task;

    /// <summary>What has ended the thread; null as long as nothing has.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Live connections.</summary>
    public int Sessions => Volatile.Read(ref _sessions);

    /// <summary>Bytes of the device's memory in use.</summary>
    public long Memory => Volatile.Read(ref _memory);

    /// <summary>Pictures that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate) return _wanted.Count;
        }
    }

    /// <summary>Connections begin or end: how many there are says for how many others a request may wait.</summary>
    public void Count(int change) => Interlocked.Add(ref _sessions, change);

    /// <summary>Asks for a picture.</summary>
    /// <exception cref="WeightsException">It came out with values that are not finite numbers.</exception>
    /// <exception cref="OperationCanceledException">The service ends.</exception>
    public Task<Picture> AskAsync(PictureRequest request)
    {
        TaskCompletionSource<Picture> result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_stop.IsCancellationRequested) return Task.FromCanceled<Picture>(_stop);
            _wanted.Enqueue((request, result, Stopwatch.GetTimestamp()));
            Monitor.Pulse(_gate);
        }
        return result.Task;
    }

    /// <summary>Does something when nobody waits for a picture. It should be short.</summary>
    public Task<T> DoAsync<T>(Func<ILiveNetwork, T> step)
    {
        TaskCompletionSource<T> result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_stop.IsCancellationRequested) return Task.FromCanceled<T>(_stop);
            _rest.Enqueue(network =>
            {
                if (network is null || _stop.IsCancellationRequested)
                {
                    result.TrySetCanceled(_stop);
                    return;
                }
                try
                {
                    result.TrySetResult(step(network));
                }
                catch (Exception failure)
                {
                    result.TrySetException(failure);
                }
            });
            Monitor.Pulse(_gate);
        }
        return result.Task;
    }

    /// <summary>alpha of a source.</summary>
    public Task<float[]> CodeOfAsync(Face face) => DoAsync(network => Encoded(network, face).Motion.ToArray());

    /// <summary>A picture has been read.</summary>
    public void Return(Picture picture) => _pool.Add(picture.Pixels);

    /// <summary>Lets go of a face's features.</summary>
    public void Drop(Face face) => _ = DoAsync(_ =>
    {
        LetGo(face);
        return true;
    });

    /// <summary>Ends the thread after what is under way, and what waits with it.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stop.IsCancellationRequested) return;
            _stopping.Cancel();
            Monitor.PulseAll(_gate);
        }
        _thread.Join();
        _stopping.Dispose();
    }

    private void Run()
    {
        ILiveNetwork? network = null;
        try
        {
            network = _load(_stop);
            _facts.SetResult(new(Path.GetFileNameWithoutExtension(network.Name), network.Size, network.Directions, network.DeviceName,
                network.DefaultMode, network.GainsTogether, network.Together));
            while (Take(network, out List<(PictureRequest Request, TaskCompletionSource<Picture> Result, long Asked)> pictures,
                out Action<ILiveNetwork>? rest))
            {
                if (pictures.Count > 0) Compute(network, pictures);
                else rest!(network);
                Weigh(network);
            }
        }
        catch (Exception failure)
        {
            Failure = failure;
            _facts.TrySetException(failure);
            _ = _facts.Task.Exception; // seen: who asks for the facts is told
            lock (_gate) _stopping.Cancel();
        }
        finally
        {
            foreach ((_, EncodedSource encoded) in _faces) Close(encoded);
            lock (_gate)
            {
                while (_wanted.TryDequeue(out var request)) request.Result.TrySetCanceled(_stop);
                while (_rest.TryDequeue(out Action<ILiveNetwork>? step)) step(network!);
            }
            if (network is not null) Close(network);
        }

        // What is on a device that is lost cannot be freed, and why it is lost was told.
        static void Close(IDisposable one)
        {
            try
            {
                one.Dispose();
            }
            catch (Exception failure) when (DeviceFailures.IsOne(failure))
            {
            }
        }
    }

    /// <summary>Asks for the memory in use, once a second: only this thread may.</summary>
    private void Weigh(ILiveNetwork network)
    {
        if (_memoryAsked != 0 && Stopwatch.GetElapsedTime(_memoryAsked) < TimeSpan.FromSeconds(1)) return;
        _memoryAsked = Stopwatch.GetTimestamp();
        Volatile.Write(ref _memory, network.MemoryBytes);
    }

    /// <summary>Waits for something to do.</summary>
    private bool Take(
        ILiveNetwork network, out List<(PictureRequest Request, TaskCompletionSource<Picture> Result, long Asked)> pictures,
        out Action<ILiveNetwork>? rest)
    {
        pictures = [];
        rest = null;
        lock (_gate)
        {
            while (_wanted.Count == 0 && _rest.Count == 0 && !_stop.IsCancellationRequested) Monitor.Wait(_gate);
            if (_stop.IsCancellationRequested) return false;
            if (_wanted.Count == 0 || (_inARow >= Patience && _rest.Count > 0))
            {
                _inARow = 0;
                rest = _rest.Dequeue();
                return true;
            }
            if (network.GainsTogether)
            {
                long until = _wanted.Peek().Asked + (long)(Window.TotalSeconds * Stopwatch.Frequency);
                while (_wanted.Count < Math.Min(network.Together, Volatile.Read(ref _sessions)) && !_stop.IsCancellationRequested)
                {
                    TimeSpan left = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), until);
                    if (left <= TimeSpan.Zero || !Monitor.Wait(_gate, left)) break;
                }
            }
            while (pictures.Count < network.Together && _wanted.TryDequeue(out var request)) pictures.Add(request);
            _inARow++;
            return true;
        }
    }

    private void Compute(ILiveNetwork network, List<(PictureRequest Request, TaskCompletionSource<Picture> Result, long Asked)> wanted)
    {
        long start = Stopwatch.GetTimestamp();
        byte[][] pixels = new byte[wanted.Count][];
        try
        {
            float[][] codes = Codes(network, wanted);
            LivePose[] poses = new LivePose[wanted.Count];
            for (int i = 0; i < poses.Length; i++)
            {
                PictureRequest request = wanted[i].Request;
                poses[i] = new(Encoded(network, request.Face), request.Start ?? codes[i], codes[i], request.Strength, request.IsRelative);
                pixels[i] = _pool.TryTake(out byte[]? used) ? used : new byte[3 * network.Size * network.Size];
            }
            bool[] faults = new bool[poses.Length];
            network.Decode(poses, pixels, faults);
            TimeSpan computing = Stopwatch.GetElapsedTime(start);
            _metrics.Computed(poses.Length, computing);
            for (int i = 0; i < poses.Length; i++)
            {
                if (faults[i])
                {
                    wanted[i].Result.TrySetException(new WeightsException("The picture came out with values that are not finite numbers: "
                        + "an edit is too large, or the weights are damaged."));
                    _pool.Add(pixels[i]);
                    continue;
                }
                _metrics.Made(1, wanted[i].Request.What);
                wanted[i].Result.TrySetResult(new(pixels[i], codes[i], computing, Stopwatch.GetElapsedTime(wanted[i].Asked, start), this));
            }
        }
        catch (Exception failure)
        {
            foreach ((_, TaskCompletionSource<Picture> result, _) in wanted) result.TrySetException(failure);
        }
        // Only now: none of those that went together may lose its features for another's.
        foreach ((PictureRequest request, _, _) in wanted) if (request.Face.IsGone) LetGo(request.Face);
        while (_faces.Count > _mostFaces) LetGo(_faces.First!.Value.Face);
    }

    /// <summary>The codes of all requests; those that come with frames go through the encoder together.</summary>
    private static float[][] Codes(
        ILiveNetwork network, List<(PictureRequest Request, TaskCompletionSource<Picture> Result, long Asked)> wanted)
    {
        byte[][] frames = [.. wanted.Where(one => one.Request.Frame is not null).Select(one => one.Request.Frame!)];
        float[] all = new float[frames.Length * network.Directions];
        if (frames.Length > 0) network.EncodeMotion(frames, all);
        int next = 0;
        return [.. wanted.Select(one => one.Request.Frame is null ? one.Request.Code!
            : all.AsSpan(next++ * network.Directions, network.Directions).ToArray())];
    }

    private EncodedSource Encoded(ILiveNetwork network, Face face)
    {
        if (_nodes.TryGetValue(face, out LinkedListNode<(Face Face, EncodedSource Encoded)>? node)) _faces.Remove(node);
        else _nodes.Add(face, node = new((face, network.Encode(face.Square))));
        _faces.AddLast(node);
        return node.Value.Encoded;
    }

    private void LetGo(Face face)
    {
        if (!_nodes.Remove(face, out LinkedListNode<(Face Face, EncodedSource Encoded)>? node)) return;
        _faces.Remove(node);
        node.Value.Encoded.Dispose();
    }
}

/// <summary>What is loaded.</summary>
/// <param name="Name">The model's, without folder and extension.</param>
/// <param name="Size">Side of pictures in pixels.</param>
/// <param name="Directions">Values of a motion code.</param>
/// <param name="DeviceName">The device in words.</param>
/// <param name="DefaultMode">What auto means.</param>
/// <param name="GainsTogether">Whether frames go together.</param>
/// <param name="Together">The most frames that go together.</param>
internal sealed record NetworkFacts(
    string Name, int Size, int Directions, string DeviceName, MotionMode DefaultMode, bool GainsTogether, int Together);
