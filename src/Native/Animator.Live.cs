using Lia.Animation.Motion;
using Lia.Animation.Pipeline;

namespace Lia;

// Frames that are handed over one by one.
public sealed partial class Animator
{
    /// <summary>Prepares a picture for driving frames that come one by one.</summary>
    /// <param name="source">The picture to animate; encoded once, now.</param>
    /// <param name="options">Options of this clip; null takes <see cref="Defaults"/>. Frame range, rate, sound and dump are not looked
    /// at.</param>
    /// <returns>Holds the animator until disposed: dispose it before the animator works on something else.</returns>
    /// <exception cref="ArgumentException">The options ask for what needs frames to come: smoothing, stretched colors, a driving crop by
    /// motion, a start frame, loops.</exception>
    /// <exception cref="MediaException">The picture cannot be read, or the crop reaches beyond it.</exception>
    public LiveAnimator Live(Source source, AnimationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        options = Checked(options);
        Combinations.CheckHanded(source, options);
        options = options with { Frames = Range.All, Dump = null };
        Occupation occupation = Occupy(CancellationToken.None);
        try
        {
            return occupation.Explain(() =>
            {
                ClipSettings settings = options.Settings(Mode(options), batch: 1);
                HandedMotion motion = new(_executor, settings.Framing);
                ClipPipeline pipeline = Open(source, _ => motion, new(source, Unused, options, settings), null, null, occupation.Token);
                try
                {
                    pipeline.Begin();
                    return new LiveAnimator(pipeline, motion, occupation);
                }
                catch
                {
                    pipeline.Dispose();
                    throw;
                }
            });
        }
        catch
        {
            occupation.Dispose();
            throw;
        }
    }

    /// <summary>Opens the model to many live sessions at once, each with a picture of its own, whose frames go through the network
    /// together.</summary>
    /// <param name="options">Null takes those of <see cref="LiveGroupOptions"/>.</param>
    /// <returns>Holds the animator until disposed: dispose it before the animator works on something else.</returns>
    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    public LiveGroup LiveGroup(LiveGroupOptions? options = null)
    {
        options ??= new();
        options.Validate();
        Occupation occupation = Occupy(CancellationToken.None);
        try
        {
            // Where the processor computes, frames together take as long as one after another, and the first would wait for the last.
            int most = options.MostFrames > 0 ? options.MostFrames
                : _executor.PreferredBatch() > 1 ? LiveGroupOptions.LargestPass : 1;
            return occupation.Explain(() => new LiveGroup(this, new(_executor, _modelName, most, options.GatherTime), options, occupation));
        }
        catch
        {
            occupation.Dispose();
            throw;
        }
    }

    /// <summary>What a session of a group needs to begin.</summary>
    internal (SourceFrames Source, ClipSettings Settings) OpenLive(Source source, AnimationOptions options, CancellationToken token)
    {
        Combinations.CheckHanded(source, options);
        ClipSettings settings = options.Settings(Mode(options), batch: 1);
        return (source.Open(Size, settings.Framing, options.Background, settings.Composition.PasteBack, token), settings);
    }

    /// <summary>The options of a session, which were found to make sense by themselves.</summary>
    internal AnimationOptions LiveOptions(AnimationOptions? options) => Checked(options) with { Frames = Range.All, Dump = null };
}
