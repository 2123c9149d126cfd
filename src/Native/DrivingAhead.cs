using Lia.Media.IO;

namespace Lia;

/// <summary>Driving frames that are opened while a model is loaded: what a video says of itself is asked of another program, which takes a
/// tenth of a second.</summary>
internal sealed class DrivingAhead : IDisposable
{
    private readonly CancellationTokenSource _stop;
    private CancellationTokenRegistration _stopping;
    private Task<IFrameReader>? _opening;

    /// <param name="open">Opens the reader; its token ends a read that is under way.</param>
    /// <param name="cancellationToken">Ends reading.</param>
    public DrivingAhead(Func<CancellationToken, IFrameReader> open, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        CancellationToken stop = _stop.Token;
        _opening = Task.Factory.StartNew(() => open(stop), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>The reader, which is the caller's from here on; null when it has been taken before.</summary>
    /// <param name="cancellationToken">Ends reading.</param>
    /// <exception cref="MediaException">It could not be opened.</exception>
    public IFrameReader? Take(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _opening, null) is not { } opening) return null;
        _stopping = cancellationToken.Register(_stop.Cancel);
        return opening.GetAwaiter().GetResult();
    }

    /// <summary>To be called when the reader is closed. What nobody took is stopped and closed; nobody waits for that.</summary>
    public void Dispose()
    {
        _stopping.Dispose();
        if (Interlocked.Exchange(ref _opening, null) is not { } opening)
        {
            _stop.Dispose();
            return;
        }
        _stop.Cancel();
        opening.ContinueWith(
            opened =>
            {
                _stop.Dispose();
                if (opened.IsCompletedSuccessfully) opened.Result.Dispose();
                else _ = opened.Exception; // seen: it would have been told to who took it
            },
            TaskScheduler.Default);
    }
}
