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
}
