using System.Diagnostics;
using Lia.Animation.Flow;
using Lia.Animation.Motion;
using Lia.Network;
using Lia.Weights;

namespace Lia.Animation.Pipeline;

/// <summary>The one way from motion to frames: a motion code becomes a latent, latents go through the decoder batch by batch, frames come
/// in order.</summary>
/// <param name="executor">The network.</param>
/// <param name="model">Its name in error messages.</param>
/// <param name="source">What is animated.</param>
/// <param name="motion">What moves it.</param>
/// <param name="settings">How the motion is transferred.</param>
/// <param name="batch">How many frames go together.</param>
/// <param name="decoder">Makes frames of latents.</param>
/// <param name="clock">Told of the steps to the first frame.</param>
/// <param name="cancellationToken">Stops the work between batches.</param>
internal sealed class FrameLoop(
    IExecutor executor, string model, SourceFrames source, IMotion motion, ClipSettings settings, int batch, FrameDecoder decoder,
    StepClock clock, CancellationToken cancellationToken)
{
    private EncodedSource? _encoded;
    private int _done;
    private MotionTransfer? _transfer;

    /// <summary>The network's thread is at the source or at frames.</summary>
    public Meter Network { get; } = new();

    /// <summary>The driving frame where relative motion starts, once the loop has begun; null for absolute motion.</summary>
    public int? StartFrame { get; private set; }

    /// <summary>Encodes the source, unless that is done.</summary>
    /// <exception cref="MediaException">The motion has no such start.</exception>
    public void Begin()
    {
        if (_encoded is not null) return;
        _encoded = NextSource()!;
        clock.Mark("source encoded");
        MotionStart start = motion.Begin(_encoded.Motion);
        StartFrame = settings.Motion.IsRelative ? start.Frame : null;
        _transfer = Transfer(start.Code);
    }

    /// <summary>Makes the next driving frame the one where relative motion starts.</summary>
    public void Restart() => _transfer = Transfer(null);

    /// <summary>Runs the network over the motion. A frame is valid until the next is asked for.</summary>
    /// <param name="batchDone">Told how many frames are done, after every batch.</param>
    /// <exception cref="WeightsException">A frame has a value that is not a finite number.</exception>
    public IEnumerable<NetworkFrame> Frames(Action<int> batchDone)
    {
        Begin();
        int style = executor.Architecture.Style;
        float[] latents = new float[batch * style];
        int submitted = 0;
        Queue<MotionFrame[]> underWay = [];
        foreach (MotionFrame[] together in motion.Frames().Chunk(batch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (submitted == 0) clock.Mark("first motion encoded");
            else if ((_encoded = NextSource()) is null) break;
            using (Network.Run())
            {
                for (int i = 0; i < together.Length; i++)
                    _transfer!.Transfer(_encoded!, together[i].Code, latents.AsSpan(i * style, style));
                decoder.Submit(_encoded!, latents.AsSpan(0, together.Length * style), together.Length);
            }
            submitted += together.Length;
            underWay.Enqueue(together);
            while (underWay.Count >= Depth())
            {
                foreach (NetworkFrame frame in Received()) yield return frame;
            }
        }
        while (underWay.Count > 0)
        {
            foreach (NetworkFrame frame in Received()) yield return frame;
        }

        // Where somebody waits for each frame, or the source changes with it, none may be kept back.
        int Depth() => motion.IsLive || source.IsClip ? 1 : decoder.Depth;

        IEnumerable<NetworkFrame> Received()
        {
            MotionFrame[] received = underWay.Dequeue();
            int fault;
            using (Network.Run()) fault = decoder.Receive(received.Length);
            if (_done == 0) clock.Mark("first frame computed");
            for (int i = 0; i < received.Length; i++)
            {
                if (i == fault) throw NotFinite.Frame(model, settings.Motion.FirstFrame + _done + i);
                yield return decoder.Frame(i) with { Source = source.Square, Driving = received[i].Pixels, Picture = source.Picture };
                motion.Return(received[i]);
            }
            _done += received.Length;
            batchDone(_done);
        }
    }

    private MotionTransfer Transfer(float[]? start) => new(executor.Basis, settings.Motion.IsRelative, start, settings.Motion.Strength);

    private EncodedSource? NextSource()
    {
        using Meter.Lap encoding = Network.Run();
        return source.Next(executor);
    }
}
