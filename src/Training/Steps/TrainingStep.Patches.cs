using ILGPU;
using Lia.Kernels;
using Lia.Kernels.Losses;
using Lia.Network.Cuda;
using Lia.Network.Graph;
using Lia.Training.Graph;

namespace Lia.Training.Steps;

/// <content>
/// The patch critic's part of a step:
/// <code>
///     targets and results --> C ----------------------------------------------------------> its loss, back --> Adam of C
///                             |  features of the targets
///     results --> C --> answers, back ------------------> gradient of the picture, AdversarialShare |g| long --+
///     results --> C --> features against the targets', back --> the same, MatchingShare |g| long --------------+--> g
/// </code>
/// g is what the other losses say of the picture. Features and answers are made anew for each way back, which frees them as it goes.
/// </content>
internal sealed partial class TrainingStep
{
    // The maps of importance at half, a quarter and an eighth of the resolution.
    private ArrayView<float>[] Importance(Tape tape)
    {
        if (_weights.Length == 0) return [default, default, default];
        List<ArrayView<float>> maps = [];
        ArrayView<float> map = _weights;
        int size = _settings.Architecture.Size;
        for (int factor = 2; factor <= PatchCritic.Reduction; factor *= 2)
        {
            ArrayView<float> small = tape.Reserve((long)Pairs * (size / factor) * (size / factor));
            tape.Add($"importance 1/{factor}", PictureDistance.PreparePool(_loader, new()
                { Input = map, Output = small, Planes = Pairs, Height = 2 * size / factor, Width = 2 * size / factor }));
            map = small;
            maps.Add(small);
        }
        return [.. maps];
    }

    // Adds to the gradient of the results, and leaves the gradients of the critic's parameters.
    private void JudgePatches(Tape tape)
    {
        _critic!.Pack(tape);
        ArrayView<float>[] importance = Importance(tape);
        TrainingLayers learning = new(tape.Branch(), _critic.Judging);
        TrainedMap answers = Answer(learning, Look(learning, Pictures(TargetSet, 2), 2 * Pairs));

        ArrayView<float> fooling = GradientOf(tape), matching = _settings.Matching > 0 ? GradientOf(tape) : default;
        TrainingLayers fooled = new(tape.Branch(), _critic.Judging) { Learns = false };
        Decide(fooled, Answer(fooled, Look(fooled, Results, Pairs, fooling)), passes: 1, AdversarialSlot, importance[^1]);
        if (_settings.Matching > 0)
        {
            TrainingLayers compared = new(tape.Branch(), _critic.Judging) { Learns = false };
            Look(compared, Results, Pairs, matching, (feature, map) => Match(compared.Tape, feature, map,
                learning.Features[feature].Value.View.SubView(0, map.Value.Length), importance[feature - 1]));
            compared.Tape.GoBack();
        }
        tape.AddWithDoubles("adversarial loss", BoundedGradients.PartialsLength(_resultGradient.Length), room =>
            BoundedGradients.Prepare(_loader, new()
            {
                Gradient = _resultGradient,
                First = fooling,
                Second = matching,
                FirstShare = (float)_settings.Adversarial,
                SecondShare = (float)_settings.Matching,
                Rise = _rise,
                Partials = room,
            }));
        tape.Release(fooling);
        if (matching.Length > 0) tape.Release(matching);

        Decide(learning, answers, passes: 2, DiscriminatorSlot, importance[^1]);
        _critic.GoBack(tape);
        foreach (ArrayView<float> map in importance)
            if (map.Length > 0) tape.Release(map);
    }

    // What the walk back adds to.
    private ArrayView<float> GradientOf(Tape tape)
    {
        ArrayView<float> gradient = tape.Reserve(_resultGradient.Length);
        tape.Add("adversarial loss", Fill.Prepare(_loader, gradient));
        return gradient;
    }

    // The features behind the blocks; `seen` is told of each as it is there.
    private TrainedMap Look(TrainingLayers layers, ArrayView<float> pictures, int frames, ArrayView<float> gradient = default,
        Action<int, TrainedMap>? seen = null)
    {
        TrainedMap x =
            layers.Convolution(_criticGraph!.First, layers.Pictures(pictures, frames, _settings.Architecture.Size, gradient));
        int feature = 1;
        foreach (ResBlock block in _criticGraph.Blocks)
        {
            x = ForwardPass.Residual(block, layers, x, feature);
            seen?.Invoke(feature, x);
            feature++;
        }
        return x;
    }

    private TrainedMap Answer(TrainingLayers layers, TrainedMap features) =>
        layers.Convolution(_criticGraph!.Score, layers.Convolution(_criticGraph.Last, features));

    // The logistic loss of answers, and all the way back; of two passes targets are the first.
    private void Decide(TrainingLayers layers, TrainedMap answers, int passes, int slot, ArrayView<float> importance)
    {
        Tape walk = layers.Tape;
        answers.Gradient = walk.ReserveLike(answers.Value);
        walk.Add(passes == 2 ? "discriminator's loss" : "adversarial loss", SoftplusMean.Prepare(_loader, new()
        {
            Input = answers.Value.View,
            Weights = importance,
            Gradient = answers.Gradient.View,
            Value = Slot(slot),
            Passes = passes,
            Images = (int)(answers.Value.Length / passes),
            Negated = 1,
            Scale = 1,
        }));
        walk.GoBack();
    }

    // The mean distance of a feature of the results from the targets', which lie behind it on the way back.
    private void Match(Tape walk, int feature, TrainedMap map, ArrayView<float> wanted, ArrayView<float> importance) => walk.Push(() =>
    {
        ActivationMap value = map.Value;
        bool isThere = map.Gradient != null, isFirst = feature == _criticGraph!.Blocks.Length;
        map.Gradient ??= walk.ReserveLike(value);
        int places = value.Frames * value.Height * value.Width;
        walk.AddWithDoubles("feature matching", L1.PartialsLength(places, 1, value.Channels), room => L1.Prepare(_loader, new()
        {
            Values = value.View,
            Targets = wanted,
            Weights = importance,
            WeighsPlanes = 1,
            Gradient = map.Gradient.View,
            Partials = room,
            Value = Slot(MatchingSlot),
            Frames = places,
            Channels = 1,
            Pixels = value.Channels,
            Scale = 1,
            Accumulates = isThere ? 1 : 0,
            AccumulatesValue = isFirst ? 0 : 1,
        }));
    });
}
