using Lia.Animation.Motion;
using Lia.Animation.Pipeline;
using Lia.Weights;

namespace Lia;

// Motion apart from pictures: codes extracted from a driving clip once, and animated with any number of times.
public sealed partial class Animator
{
    /// <summary>What motion clips know this model by: a hash of the tensors that give motion codes their meaning. The same for every file
    /// format that holds
    /// the same values.</summary>
    /// <remarks>Computed when first asked for; the model file must still be there.</remarks>
    /// <exception cref="WeightsException">The model file cannot be read any more.</exception>
    public string MotionFingerprint => _fingerprint.Value;

    /// <summary>Takes the motion of driving frames: they go through the encoder and only their codes are kept.</summary>
    /// <param name="driving">The motion: a file, a folder, or frames in memory.</param>
    /// <param name="options">Null takes <see cref="Defaults"/>. Only <see cref="AnimationOptions.Frames"/>,
    /// <see cref="AnimationOptions.Fit"/>, the driving crop,
    /// <see cref="AnimationOptions.FrameRate"/> and <see cref="AnimationOptions.StartFrame"/> (by number) are looked at: codes are kept as
    /// they are, to be edited when
    /// they animate.</param>
    /// <param name="progress">Told after every frame.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>A code for every frame. Frames are counted anew: the first one used is frame 0 of the motion clip.</returns>
    /// <exception cref="ArgumentException">The start frame is <see cref="StartFrame.Best"/>, which depends on a source; or the motion is a
    /// motion clip already.</exception>
    /// <exception cref="MediaException">The file cannot be read, has no frame in the range or no such start frame, or <c>ffmpeg</c> is
    /// needed and missing.</exception>
    public MotionClip ExtractMotion(
        Driving driving, AnimationOptions? options = null, IProgress<AnimationProgress>? progress = null,
            CancellationToken cancellationToken = default)
    {
        Clip clip = Begin(Verb.ExtractMotion, driving, Checked(options) with { SmoothingWindow = 1, SideBySide = false });
        using Occupation occupation = Occupy(cancellationToken);
        return occupation.Explain(() =>
        {
            using MotionRecording recording = Record(clip, progress, occupation.Token);
            recording.Complete();
            if (recording.Warning is { } warning) _log.DecoderComplained(warning);
            int start = clip.Options.StartFrame is { } asked ? asked.Number - recording.FirstFrame : 0, count = recording.Codes.Count;
            if (start < 0 || start >= count) throw recording.NoSuchStart(start + recording.FirstFrame);
            float[] codes = [.. recording.Codes.SelectMany(code => code)];
            int broken = Array.FindIndex(codes, value => !float.IsFinite(value));
            if (broken >= 0) throw NotFinite.Code(_modelName, recording.FirstFrame + broken / Directions);
            FrameRate rate = clip.Options.FrameRate ?? recording.Rate ?? FrameRate.Default;
            return new MotionClip(codes, Directions, rate, MotionFingerprint, start)
            {
                Model = Path.GetFileName(_modelName),
                Device = DeviceName,
            };
        });
    }
}
