using Lia.Loading;
using Lia.Studio.Telemetry;
using Microsoft.Extensions.Logging;

namespace Lia.Studio.Faces;

/// <summary>
/// The live networks, one a device, each with its thread. A source stays with a device, where its features are: the first connection to
/// it takes the one with the fewest connections, and later ones follow. What has no source goes to that one too.
/// <para>A device that fails while others work is not used any more: its sources, and what waited there, go to the others.</para>
/// </summary>
internal sealed class Networks : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Place[] _places;
    private readonly ILogger _log;
    private bool _isDisposed;

    /// <param name="devices">What they are called, and what loads the network there, on a thread of the device's.</param>
    /// <param name="metrics">Told of what is computed.</param>
    /// <param name="mostFaces">Sources whose features are kept on each.</param>
    /// <param name="log">Told of devices that fail.</param>
    public Networks(
        IReadOnlyList<(string Name, Func<CancellationToken, ILiveNetwork> Load)> devices, StudioMetrics metrics, int mostFaces, ILogger log)
    {
        _log = log;
        _places = [.. devices.Select(device => new Place(device.Name, new NetworkThread(device.Load, metrics, mostFaces)))];
        metrics.Gauge("lia.live.queue", "{request}", "Pictures that wait for the network.",
            () => _places.Sum(place => (long)place.Thread.Waiting));
        metrics.Gauge("lia.device.memory", "By", "Memory of the devices in use; of the process where the processor computes.",
            () => _places.Sum(place => place.IsLost ? 0 : place.Thread.Memory));
        metrics.Gauge("lia.live.sessions", "{session}", "Live connections.", () => _places.Sum(place => (long)place.Thread.Sessions));
        Facts = LoadAsync();
    }

    /// <summary>What is loaded, when every device has loaded it or failed; where none does, fails as the first did.</summary>
    public Task<NetworkFacts> Facts { get; }

    /// <summary>A connection to a source begins.</summary>
    /// <returns>To be disposed when it ends.</returns>
    public IDisposable Connect(Face face)
    {
        lock (_gate)
        {
            Place least = Least();
            if (face.Seat.Sessions == 0 && face.Seat.Place is { } place && place.Thread.Sessions > least.Thread.Sessions)
            {
                place.Thread.Drop(face);
                face.Seat.Place = least;
            }
            PlaceOf(face).Thread.Count(1);
            face.Seat.Sessions++;
        }
        return new Session(this, face.Seat);
    }

    /// <summary>Asks for a picture.</summary>
    /// <exception cref="Weights.WeightsException">It came out with values that are not finite numbers.</exception>
    /// <exception cref="OperationCanceledException">The service ends.</exception>
    public Task<Picture> AskAsync(PictureRequest request) => OnAsync(() => PlaceOf(request.Face), thread => thread.AskAsync(request));

    /// <summary>Does something when nobody waits for a picture. It should be short, and may be done again on another device.</summary>
    public Task<T> DoAsync<T>(Func<ILiveNetwork, T> step) => OnAsync(Least, thread => thread.DoAsync(step));

    /// <summary>alpha of a source.</summary>
    public Task<float[]> CodeOfAsync(Face face) => OnAsync(() => PlaceOf(face), thread => thread.CodeOfAsync(face));

    /// <summary>A picture has been read.</summary>
    public static void Return(Picture picture) => picture.Maker.Return(picture);

    /// <summary>Nobody will ask for a face any more.</summary>
    public void Forget(Face face)
    {
        face.IsGone = true;
        foreach (Place place in _places) place.Thread.Drop(face);
    }

    /// <summary>Ends the threads after what is under way, and what waits with them.</summary>
    public void Dispose()
    {
        lock (_gate) _isDisposed = true;
        foreach (Place place in _places) place.Thread.Dispose();
    }

    private async Task<NetworkFacts> LoadAsync()
    {
        List<NetworkFacts> loaded = [];
        Exception? failure = null;
        foreach (Place place in _places)
        {
            try
            {
                loaded.Add(await place.Thread.Facts.ConfigureAwait(false));
            }
            catch (Exception cause) when (DeviceFailures.IsOne(cause))
            {
                failure ??= cause;
                Lose(place, cause, "is not used");
            }
        }
        if (loaded.Count == 0) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure!);
        IEnumerable<string> names = loaded.GroupBy(facts => facts.DeviceName).Select(alike =>
            alike.Count() == 1 ? alike.Key : $"{alike.Count()} x {alike.Key}");
        return loaded[0] with { DeviceName = string.Join(" + ", names) };
    }

    /// <summary>Has something done at a device, and at another where that one fails.</summary>
    private async Task<T> OnAsync<T>(Func<Place> choose, Func<NetworkThread, Task<T>> step)
    {
        while (true)
        {
            Place place;
            lock (_gate) place = choose();
            try
            {
                return await step(place.Thread).ConfigureAwait(false);
            }
            catch (Exception failure) when (IsLost(place, failure))
            {
                // Once more, elsewhere.
            }
        }
    }

    /// <summary>Whether a failure was a device's that is not used any more.</summary>
    private bool IsLost(Place place, Exception failure)
    {
        // Canceled is what had waited there.
        Exception cause = failure is OperationCanceledException ? place.Thread.Failure ?? failure : failure;
        if (DeviceFailures.IsOne(cause)) Lose(place, cause, "is not used any more");
        else if (cause is not OperationCanceledException) return false;
        lock (_gate) return place.IsLost && !_isDisposed;
    }

    private void Lose(Place place, Exception failure, string what)
    {
        lock (_gate)
        {
            // The last one is asked again and again: it may be short of memory only now.
            if (place.IsLost || _isDisposed || !_places.Any(other => other != place && !other.IsLost)) return;
            place.IsLost = true;
        }
        _log.DeviceLost(place.Name, what, failure.Message.ReplaceLineEndings(" ").TrimEnd('.'));
        // Nobody waits for a device that is lost.
        _ = Task.Run(place.Thread.Dispose);
    }

    private Place PlaceOf(Face face)
    {
        Seat seat = face.Seat;
        if (seat.Place is null or { IsLost: true })
        {
            seat.Place = Least();
            seat.Place.Sources++;
            seat.Place.Thread.Count(seat.Sessions);
        }
        return seat.Place;
    }

    /// <summary>The device with the fewest connections, then with the fewest sources.</summary>
    private Place Least() => _places.Where(place => !place.IsLost).MinBy(place => (place.Thread.Sessions, place.Sources))!;

    private void Leave(Seat seat)
    {
        lock (_gate)
        {
            seat.Sessions--;
            seat.Place!.Thread.Count(-1);
        }
    }

    /// <summary>A device.</summary>
    internal sealed class Place(string name, NetworkThread thread)
    {
        public string Name => name;

        public NetworkThread Thread => thread;

        /// <summary>Sources that were ever given to it.</summary>
        public int Sources { get; set; }

        public bool IsLost { get; set; }
    }

    /// <summary>Where a source is, whichever part of it is looked at.</summary>
    internal sealed class Seat
    {
        public Place? Place { get; set; }

        public int Sessions { get; set; }
    }

    private sealed class Session(Networks networks, Seat seat) : IDisposable
    {
        private Seat? _seat = seat;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _seat, null) is { } left) networks.Leave(left);
        }
    }
}

/// <summary>Log messages of devices.</summary>
internal static partial class NetworksLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Device} {What}: {Reason}; the others do its work")]
    public static partial void DeviceLost(this ILogger log, string device, string what, string reason);
}
